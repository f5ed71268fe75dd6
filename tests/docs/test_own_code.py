"""The taggers, mixers and tests that the how-to pages show are run."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.engine.base import TaskBug
from dolma_pipe.mixer import Budget, Mixer, checked, supply_of
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Labels, Spans, Tagger
from tests.corpus import documents, write_shard
from tests.docs.pages import DOCS, blocks
from tests.docs.scratch import inline, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every file that the pages name, and the inputs of their recipe."""
    monkeypatch.chdir(tmp_path)
    for page in ("taggers.md", "mixers.md"):
        for block in blocks(DOCS / page):
            if block.title:
                Path(block.title).write_text(block.text)
    for source in ("web", "wiki"):
        Path("data", source).mkdir(parents=True)
        Path("data", source, "a.jsonl.zst").touch()
    return tmp_path


def tagger(name: str, **settings: object) -> Tagger:
    return load(find("taggers", name), Tagger)(**settings)


@pytest.mark.parametrize("name", ["test_shouting.py", "test_mine.py"])
def test_the_tests_pass(folder: Path, name: str) -> None:
    tests = [f for f in runpy.run_path(str(folder / name)).items() if f[0].startswith("test_")]
    assert tests
    for _, test in tests:
        test()


def test_spans_and_labels(folder: Path) -> None:
    assert folder.is_dir()
    made = tagger("./todo.py", long=10)
    found = made.tag(batch_of(["ä TODO: more\nand FIXME", "", "no"]))
    notes, size = found["notes"], found["size"]
    assert isinstance(notes, Spans)
    assert isinstance(size, Labels)
    assert [x.tolist() for x in notes] == [[0, 2, 2, 2], [3, 18], [13, 23], [1.0, 1.0]]
    assert np.asarray(found["count"]).tolist() == [2, 0, 0]
    assert [size.names[code] for code in size.codes] == ["long", "short", "short"]
    assert [made.kind(column) for column in made.columns()] == ["spans", "number", "label"]


def test_the_kernel(folder: Path) -> None:
    assert folder.is_dir()
    found = tagger("./spaces.py").tag(batch_of(["a b ", "", "   "]))["share"]
    assert np.asarray(found).tolist() == [0.5, 0, 1]


def test_the_recipe_with_the_tagger(folder: Path) -> None:
    source = read_recipe(folder / "mix.yaml").sources[0]
    assert [rule.column for rule in source.rules] == ["shouting.share"]


def test_the_recipe_with_the_mixers(folder: Path) -> None:
    mix = read_recipe(folder / "mixed.yaml").mix
    assert mix is not None
    assert mix.mixer == {"./mine.py": {"least": 1000}}


@pytest.mark.parametrize(
    ("name", "settings", "tokens", "wanted", "given"),
    [
        ("./best.py", {"max": 2}, [100, 100, 100, 100], 300, [0, 0, 100, 200]),
        ("./in_order.py", {}, [100, 100, 100], 150, [100, 50, 0]),
    ],
)
def test_the_other_mixers(
    folder: Path,
    name: str,
    settings: dict[str, Any],
    tokens: list[int],
    wanted: int,
    given: list[int],
) -> None:
    assert folder.is_dir()
    supply = supply_of([str(n) for n in range(len(tokens))], np.array(tokens))
    if settings:
        supply = supply._replace(most=supply.tokens * settings["max"])
    mixer = load(find("mixers", name), Mixer)(**settings)
    portions = checked(mixer.plan(supply, Budget(wanted)), supply, Budget(wanted), name)
    assert portions.tokens.tolist() == pytest.approx(given)


def test_a_bug_of_a_tagger_is_told_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its traceback begins in the tagger, not where stored scores were looked for."""
    write_shard(folder / "data/web/a.jsonl.zst", documents("web", 2))
    broken = (folder / "shouting.py").read_text().replace("return sum(", "return 1 / 0 + sum(")
    (folder / "shouting.py").write_text(broken)
    inline(monkeypatch)
    with pytest.raises(TaskBug, match="ZeroDivisionError") as error:
        run("run", "mix.yaml")
    assert "During handling" not in str(error.value)
