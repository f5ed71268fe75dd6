"""The pages of stages 1 to 3 tell every tagger, each of its columns and settings, and no others."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.settings import read_yaml
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger
from tests.docs.pages import DOCS, ROOT, Block, blocks

PAGES = [DOCS / "stages" / f"{stage}.md" for stage in ("language", "quality", "content")]
NEEDED: dict[str, dict[str, Any]] = {
    "c4": {"blocked_words": "list.txt"},
    "madlad400": {"rules": (1, 2, 3, 4, 5)},
    "pii": {"find": ("email", "phone", "ip", "credit_card", "iban", "secret")},
    "statistics": {"stop_words": ("the",)},
    "url": {"domains": "list.txt", "urls": "list.txt", "words": "list.txt"},
}
"""Settings with which a tagger has all of its columns."""
FREE = {"classifier", "imported", "metadata"}
"""Their columns are named by models and documents."""


def sections() -> dict[str, str]:
    """By their heading."""
    found: dict[str, str] = {}
    for page in PAGES:
        for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            heading, _, text = part.partition("\n")
            found[heading if heading not in found else f"{heading} {page.stem}"] = text
    return found


def test_every_tagger_has_a_section() -> None:
    told = {name for name in sections() if not name.startswith("Recipes")}
    assert told == set(names("taggers"))


@pytest.mark.parametrize("name", names("taggers"))
def test_columns_and_settings_are_told(name: str) -> None:
    section = sections()[name]
    kind = load(find("taggers", name), Tagger)
    cells = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (.*?) \| ", section, re.M)))
    cells += re.findall(r"`([^`]+)` = ", section)
    told = {f"{name}{cell}" if cell.startswith(".") else cell for cell in cells}
    settings = set(kind.__struct_fields__) - {"name"}
    if name in FREE:
        assert settings <= told
        return
    columns = {f"{name}.{column}" for column in kind(**NEEDED.get(name, {})).columns()}
    assert told == columns | settings, "what a page tells, and what there is"


@pytest.mark.parametrize("name", sorted(set(names("taggers")) - FREE))
def test_defaults_are_told(name: str) -> None:
    section = sections()[name]
    for field in msgspec.structs.fields(load(find("taggers", name), Tagger)):
        row = re.search(rf"^\| `{field.encode_name}` \| (.*?) \|", section, re.M)
        if row and isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert float(row[1].strip("`")) == field.default, field.name


def bounds(recipe: Path) -> dict[str, list[float | None]]:
    """The rules of a recipe, of all stages."""
    given = read_yaml(recipe)
    return {
        column: range_
        for stage in ("language", "quality", "content")
        for column, range_ in (given.get(stage) or {}).get("keep", {}).items()
    }


@pytest.mark.parametrize("name", ["gopher", "gopher_repetition", "statistics", "refinedweb"])
def test_thresholds_are_those_of_the_recipe(name: str) -> None:
    """The ranges on the page are those that all-dressed keeps."""
    compared = 0
    for column, (low, high) in bounds(ROOT / "configs/all-dressed.yaml").items():
        row = re.search(rf"^\|[^|]*`{column}`.*\| ([^|]*) \|$", sections()[name], re.M)
        if column.startswith(f"{name}.") and row:
            told = [float(x.replace(",", "")) for x in re.findall(r"[.\d][.\d,]*", row[1])]
            assert set(told) >= {x for x in (low, high) if x is not None}, column
            compared += 1
    assert compared


YAML = [
    pytest.param(block, id=f"{page.stem}:{block.line}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "yaml"
]


@pytest.mark.parametrize("block", YAML)
def test_recipes_on_the_pages_are_right(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for shard in ("data/web/a.jsonl.zst", "quality.ftz", "nsfw.bin", "lists/adult.txt"):
        Path(shard).parent.mkdir(parents=True, exist_ok=True)
        Path(shard).touch()
    whole = "" if "sources:" in block.text else "name: x\nsources: {web: {documents: data/web/*}}\n"
    Path("mix.yaml").write_text(whole + block.text)
    assert read_recipe(Path("mix.yaml")).sources[0].taggers
