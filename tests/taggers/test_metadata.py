import math
from pathlib import Path

import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.columns import Bounds, outside, settled
from dolma_pipe.errors import RecipeError
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from tests.corpus import dolma_pipe, write_shard
from tests.taggers.shelf import tagger

VALUES = [
    (0.5, 0.5),
    (0, 0.0),
    (-3, -3.0),
    (True, 1.0),
    (False, 0.0),
    ("0.7", math.nan),
    (None, math.nan),
    ((), math.nan),
]


@pytest.mark.parametrize(("given", "number"), VALUES)
def test_numbers_and_truths_are_scores_and_nothing_else(given: object, number: float) -> None:
    batch = batch_of(["x", "y"], metadata=[{"a": {"b": given}, "c": given}, {}])
    columns = tagger("metadata", fields=("a.b", "c")).tag(batch)
    for column in ("a.b", "c"):
        values = columns[column]
        assert repr(float(values[0])) == repr(number)  # type: ignore[call-overload]
        assert math.isnan(values[1])  # type: ignore[call-overload]


def test_an_integer_beyond_all_floats_is_beyond_all_bounds() -> None:
    batch = batch_of(["x", "y"], metadata=[{"n": 1}, {"n": -1}])
    batch._fields["metadata.n"] = [10**400, -(10**400)]
    assert tagger("metadata", fields=("n",)).tag(batch)["n"].tolist() == [math.inf, -math.inf]  # type: ignore[union-attr]


@pytest.mark.parametrize(("score", "kept"), [(0.5, True), (0.4999999, True), (0.499999, False)])
def test_a_rule_at_its_threshold(score: float, kept: bool) -> None:
    """Scores are rounded to 1e-6 before."""
    batch = batch_of(["x"], metadata=[{"score": score}])
    values = settled(tagger("metadata", fields=("score",)).tag(batch)["score"])
    assert bool(outside(values, Bounds(0.5, None))[0]) != kept  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["", "a.", ".a", "a..b"])
def test_a_path_without_keys_is_refused(field: str) -> None:
    with pytest.raises(Exception, match="is no path of keys"):
        tagger("metadata", fields=(field,))


RECIPE = """
name: demo
sources:
  web: {documents: web.jsonl}
  wiki: {documents: wiki.jsonl, quality: {keep: {}}}
quality:
  taggers: [gopher]
  keep: {metadata.score: [0.5, null]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("web", "wiki"):
        Path(f"{name}.jsonl").touch()
    return tmp_path


def checked(text: str) -> Recipe:
    Path("mix.yaml").write_text(text)
    return read_recipe(Path("mix.yaml"))


def uses(recipe: Recipe) -> list[list[tuple[str, str, object]]]:
    return [
        [(use.stage, use.prefix, use.settings.get("fields")) for use in source.taggers]
        for source in recipe.sources
    ]


@pytest.mark.usefixtures("folder")
def test_a_rule_brings_the_tagger_for_the_sources_that_have_it() -> None:
    gopher = ("quality", "gopher", None)
    assert uses(checked(RECIPE)) == [[gopher, ("quality", "metadata", ["score"])], [gopher]]


@pytest.mark.usefixtures("folder")
def test_dedup_and_mix_bring_it_too() -> None:
    more = """
dedup:
  - exact: {keep: highest metadata.stars, sources: [wiki]}
mix:
  shares: {web: 0.5, wiki: 0.5}
  upsample: {web: {by: metadata.a.b}, wiki: 1}
tokenize: {tokenizer: tokenizer.json}
"""
    web, wiki = uses(checked(RECIPE + more))
    assert web[1:] == [("quality", "metadata", ["score"]), ("content", "metadata", ["a.b"])]
    assert wiki[1:] == [("content", "metadata", ["stars"])]


@pytest.mark.usefixtures("folder")
def test_one_that_is_there_is_not_made_twice() -> None:
    [web, _] = uses(checked(RECIPE.replace("[gopher]", "[{metadata: {fields: [score]}}]")))
    assert web == [("quality", "metadata", ["score"])]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("metadata.score", "metadata..score", "'.score' is no path of keys"),
        ("metadata.score", "metadta.score", "no tagger of source web makes this column"),
        ("keep: {metadata.score: [0.5, null]}", "mask: {metadata.score: x}", "no tagger of source"),
        ("[gopher]", "[./metadata.py]", "no tagger of source web makes this column"),
    ],
)
def test_what_cannot_be_meant_is_told(old: str, new: str, told: str) -> None:
    Path("metadata.py").write_text(
        "from dolma_pipe.tagger import Tagger\n"
        "class Mine(Tagger, frozen=True):\n"
        "    def columns(self):\n        return ('stars',)\n"
        "    def tag(self, batch):\n        return {}\n"
    )
    with pytest.raises(RecipeError, match=told):
        checked(RECIPE.replace(old, new))


def test_from_documents_to_survivors(folder: Path) -> None:
    scores: list[object] = [0.5, 0.499, "0.9", True, None]
    rows: list[dict[str, object]] = [
        {"id": str(i), "text": "x", "metadata": {"score": score}} for i, score in enumerate(scores)
    ]
    write_shard(folder / "web.jsonl.zst", rows)
    (folder / "mix.yaml").write_text(RECIPE.replace("web.jsonl", "web.jsonl.zst"))
    told = dolma_pipe(folder, "tag", "mix.yaml", "--source", "web").stdout
    assert "metadata.score 3" in told
    assert "note: web: 2 of the documents that metadata.score drops have no such score" in told
