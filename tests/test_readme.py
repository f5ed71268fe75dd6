"""What the README shows is true: its recipe, its tagger, its commands."""

import re
from pathlib import Path

import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.cli.main import cli
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Tagger

CONFIGS = Path(__file__).parent.parent / "configs"
WITHOUT_RULES = ("dolma3-dedup", "dolma3-mix", "three-level")
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(after: str) -> str:
    """The first indented block after a heading."""
    lines = README.split(f"## {after}\n", 1)[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("    "))
    taken: list[str] = []
    for line in lines[start:]:
        if line and not line.startswith("    "):
            break
        taken.append(line[4:])
    return "\n".join(taken).strip() + "\n"


def test_the_recipe_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("web", "code"):
        Path(f"data/{name}").mkdir(parents=True)
        Path(f"data/{name}/a.jsonl.zst").touch()
    Path("demo.yaml").write_text(block("The recipe"))
    recipe = read_recipe(Path("demo.yaml"))
    assert recipe.mix is not None
    assert recipe.mix.target_tokens == 10_000_000


def test_the_tagger_is_right_and_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = block("A tagger of your own")
    assert len([line for line in source.splitlines() if line]) < 20
    Path("shouting.py").write_text(source)
    tagger = load(find("taggers", "./shouting.py"), Tagger)()
    assert tagger.columns() == ("share",)
    assert tagger.tag(batch_of(["ABcd", "", "12"]))["share"].tolist() == [0.5, 0.0, 0.0]  # type: ignore[union-attr]


def test_every_command_is_in_the_table_and_no_other() -> None:
    table = README.split("## Commands")[1].split("##")[0]
    quoted = " ".join(re.findall(r"`([^`]*)`", table.replace("\\|", " ")))
    assert set(cli.commands) <= set(re.findall(r"[a-z]+", quoted))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_is_right(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("prose", "docs", "licences", "code"):
        Path(f"sample/{name}/documents").mkdir(parents=True)
        Path(f"sample/{name}/documents/a.jsonl.zst").touch()
    tasks = Path("tasks/docs/documents/a.jsonl.zst")  # long-context has the output of synthesize
    tasks.parent.mkdir(parents=True)
    tasks.touch()
    for name in ("web", "pdf", "code", "math", "arxiv", "wiki", "chat"):
        Path(f"data/{name}").mkdir(parents=True)
        Path(f"data/{name}/a.jsonl.zst").touch()
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert all(source.rules for source in recipe.sources) or path.stem in WITHOUT_RULES
    if path.stem != "quickstart":
        assert re.search(r"[A-Z][a-z]+ (et al\. |Team )?20[0-9]{2}", path.read_text())  # its source
