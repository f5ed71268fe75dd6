"""docs/comparison.md: what it calls ours is ours."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.entries import METHODS
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.settings import read_yaml, settle
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "comparison.md"
CELLS = [
    code
    for row in re.findall(r"^\|[^|]*\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    for code in re.findall(r"`([^`]+)`", row)
]
YAML = [block for block in blocks(PAGE) if block.language == "yaml"]


def read(code: str, folder: Path) -> Any:
    (folder / "x.yaml").write_text(code)
    return read_yaml(folder / "x.yaml")


@pytest.mark.parametrize("block", YAML, ids=lambda block: str(block.line))
def test_recipes(block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl.gz", "documents/a.gz"):
        Path("data/web", name).parent.mkdir(parents=True, exist_ok=True)
        Path("data/web", name).touch()
    pq.write_table(pa.table({"text": ["x"]}), "data/web/a.parquet")
    Path("mix.yaml").write_text(block.text)
    assert read_recipe(Path("mix.yaml")).sources[0].rules


@pytest.mark.parametrize("code", [c for c in CELLS if re.match(r"[a-z_0-9]+: \{", c)])
def test_settings(code: str, tmp_path: Path) -> None:
    [(name, settings)] = read(code, tmp_path).items()
    if name in names("taggers"):
        settle(settings, load(find("taggers", name), Tagger), name)
    else:
        assert name in {*METHODS, "columns", "tokenize", "imported", "keep", "mask"}


@pytest.mark.parametrize("code", [c for c in CELLS if c.startswith("dedup: ")])
def test_dedup(code: str, tmp_path: Path) -> None:
    for entry in read(code, tmp_path)["dedup"]:
        [(method, settings)] = entry.items()
        settle(settings, METHODS[method], method)


@pytest.mark.parametrize("code", [c for c in CELLS if re.fullmatch(r"[a-z_0-9]+\.[a-z_]+", c)])
def test_columns(code: str) -> None:
    prefix, _, column = code.partition(".")
    if prefix != "mix":
        assert column in load(find("taggers", prefix), Tagger)().columns()
