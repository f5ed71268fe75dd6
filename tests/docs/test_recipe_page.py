"""docs/recipe.md has every key of the parser, no other, and the parser's defaults."""

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

from dolma_pipe.entries import METHODS
from dolma_pipe.entries.base import Chooser, Common
from dolma_pipe.formats.reading import ColumnNames
from dolma_pipe.mix_settings import Curve, Groups, MixSettings
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.recipe_sections import FilterSection, RecipeFile, SourceSection
from dolma_pipe.tokenizer import TokenizeSettings
from tests.docs.pages import DOCS, ROOT, blocks

PAGE = DOCS / "recipe.md"
COMMON = set(Chooser.__struct_fields__)
SECTIONS: dict[str, tuple[type, set[str]]] = {
    "The file": (RecipeFile, set()),
    "A source": (SourceSection, set()),
    "Columns": (ColumnNames, set()),
    "Stages 1 to 3": (FilterSection, set()),
    "Dedup": (Chooser, set()),
    "Mix": (MixSettings, set()),
    "A curve": (Curve, set()),
    "Groups": (Groups, set()),
    "Tokenize": (TokenizeSettings, set()),
    **{name: (kind, COMMON) for name, kind in METHODS.items()},
}


def rows(heading: str) -> list[tuple[list[str], str, str]]:
    """Keys, default and remark of each row of the section's table."""
    text = re.split(rf"^##+ {heading}\n", PAGE.read_text(encoding="utf-8"), flags=re.M)[1]
    table = re.split(r"^#", text, flags=re.M)[0]
    found = re.findall(r"^\| (`.+?) \| *(.*?) *\| (.*)\|$", table, re.M)
    return [(re.findall(r"`([^`]+)`", keys), default, remark) for keys, default, remark in found]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_told(heading: str) -> None:
    kind, without = SECTIONS[heading]
    told = {key for keys, *_ in rows(heading) for key in keys} - {"extends"}
    assert told == {field.encode_name for field in msgspec.structs.fields(kind)} - without
    assert issubclass(Chooser, Common)


@pytest.mark.parametrize("heading", SECTIONS)
def test_defaults_that_are_plain_are_right(heading: str) -> None:
    kind, _ = SECTIONS[heading]
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(kind)}
    for keys, told, _ in rows(heading):
        values = [value.strip().strip("`") for value in told.split(", ")]
        for key, value in zip(keys, values, strict=False):
            default = defaults.get(key)
            if isinstance(default, bool):
                assert value == str(default).lower(), key
            elif told == "as minhash":
                assert default == getattr(METHODS["minhash"](), key), key
            elif isinstance(default, int | float):
                assert float(value) == default, key
            elif isinstance(default, str):
                assert value == default, key
            elif value == "needed":
                assert default is msgspec.NODEFAULT, key


def words_of(hint: Any) -> set[str]:
    """The words that a setting takes, where it takes one of a few."""
    if get_origin(hint) is Literal:
        return {word for word in get_args(hint) if isinstance(word, str)}
    return {word for inner in get_args(hint) for word in words_of(inner)}


@pytest.mark.parametrize("heading", SECTIONS)
def test_words_that_a_setting_takes_are_told(heading: str) -> None:
    kind, without = SECTIONS[heading]
    told = {key: f"{default} {remark}" for keys, default, remark in rows(heading) for key in keys}
    for key, hint in get_type_hints(kind).items():
        if key in told and key not in without and "as of the mix" not in told[key]:
            there = set(re.findall(r"[\w.]+", told[key]))
            assert words_of(hint) - {"language", "quality", "content"} <= there, key


def test_every_shipped_recipe_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## Extends")[1]
    names = {name for row in re.findall(r"^\| (`.+?) \|", text, re.M) for name in row.split("`")}
    assert {path.stem for path in (ROOT / "configs").glob("*.yaml")} <= names


@pytest.mark.parametrize("number", [0, 1])
def test_its_recipes_are_right(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("web", "code"):
        Path(f"data/{name}").mkdir(parents=True)
        Path(f"data/{name}/a.jsonl.zst").touch()
    text = [block.text for block in blocks(PAGE) if block.language == "yaml"][number]
    Path("mix.yaml").write_text(text)
    assert read_recipe(Path("mix.yaml")).name in text
