"""A recipe that extends another."""

from pathlib import Path

import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe

BASE = """
name: base
seed: 5
sources: {web: {documents: nowhere/*.jsonl}}
quality:
  taggers: [gopher]
  keep: {gopher.words: [50, 100000], gopher.stop_words: [2, null]}
content:
  taggers: [pii]
  mask: {pii.email: "<email>"}
dedup: [{exact: {}}]
"""
OWN = "name: own\nextends: base.yaml\nsources: {web: {documents: a.jsonl}}\n"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").touch()
    Path("base.yaml").write_text(BASE)


def extended(more: str = "") -> Recipe:
    Path("own.yaml").write_text(OWN + more)
    return read_recipe(Path("own.yaml"))


def rules(recipe: Recipe) -> dict[str, tuple[float | None, float | None]]:
    return {rule.column: (rule.minimum, rule.maximum) for rule in recipe.sources[0].rules}


def test_what_it_does_not_say_comes_from_there() -> None:
    recipe = extended()
    assert (recipe.name, recipe.seed, len(recipe.dedup)) == ("own", 5, 1)
    assert [shard.uri for shard in recipe.inputs()] == ["a.jsonl"]
    assert rules(recipe) == {"gopher.words": (50, 100000), "gopher.stop_words": (2, None)}
    assert [mask.column for mask in recipe.sources[0].masks] == ["pii.email"]


def test_a_rule_is_replaced_added_or_taken_away() -> None:
    recipe = extended(
        "quality: {keep: {gopher.words: [20, null], gopher.stop_words: null, "
        "gopher.bullet_lines: [null, 0.9]}}"
    )
    assert rules(recipe) == {"gopher.words": (20, None), "gopher.bullet_lines": (None, 0.9)}


def test_null_takes_a_section_away_and_an_own_one_replaces_it() -> None:
    assert extended("content: null\ndedup: null\n").dedup == ()
    assert extended("content: null\n").sources[0].masks == ()
    assert len(extended("dedup: [{exact: {}}, {minhash: {}}]\n").dedup) == 2
    assert extended("seed: 9\n").seed == 9


def test_a_shipped_recipe_goes_by_its_name() -> None:
    Path("own.yaml").write_text(OWN.replace("base.yaml", "quickstart") + "mix: null\n")
    assert "gopher.words" in rules(read_recipe(Path("own.yaml")))


def test_a_chain_is_followed_and_a_circle_refused() -> None:
    Path("middle.yaml").write_text("extends: base.yaml\nseed: 6\nname: middle\n")
    Path("own.yaml").write_text(OWN.replace("base.yaml", "middle.yaml"))
    assert read_recipe(Path("own.yaml")).seed == 6
    Path("base.yaml").write_text("extends: own.yaml\n")
    with pytest.raises(RecipeError, match="extends itself"):
        read_recipe(Path("own.yaml"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("extends: gohper", "extends: unknown recipe 'gohper'"),
        ("extends: quikstart", r"\(did you mean 'quickstart'\?\)"),
        ("extends: [a]", "extends: the name of a shipped recipe or a path is needed"),
        ("extends: none.yaml", "none.yaml: cannot be read"),
        ("extends: list.yaml", "is no recipe"),
        ("extends: bad.yaml", r"bad.yaml: line 1"),
    ],
)
def test_a_wrong_base_is_one_line(given: str, told: str) -> None:
    Path("list.yaml").write_text("[1]")
    Path("bad.yaml").write_text("a: [")
    Path("own.yaml").write_text(OWN.replace("extends: base.yaml", given))
    with pytest.raises(RecipeError, match=told) as error:
        read_recipe(Path("own.yaml"))
    assert "\n" not in str(error.value)


def test_the_name_is_not_inherited() -> None:
    Path("own.yaml").write_text(OWN.replace("name: own\n", ""))
    with pytest.raises(RecipeError, match="'name' is missing"):
        read_recipe(Path("own.yaml"))
