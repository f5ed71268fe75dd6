"""Thresholds from stored attributes, against counting document by document."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.errors import RecipeError, UserError, WorkError
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.sweep_table import sweep_table
from dolma_pipe.report.thresholds import Sweep, sweep_rule
from dolma_pipe.work import Work
from tests.attributes import write_attributes
from tests.corpus import dolma_pipe, write_corpus, write_shard

RECIPE = """
name: demo
sources:
  web: {documents: web.jsonl.zst}
  wiki: {documents: wiki.jsonl.zst, quality: {keep: {gopher.words: [10, null]}}}
quality:
  taggers: [gopher]
  keep: {gopher.words: [50, 100], gopher.stop_words: [2, null]}
"""
WORDS = [49, 50, 51, 100, 101, None, 50, 20, None]
STOPS = [2, 2, 1, 2, 9, 3, None, 0, None]
TEXTS = ["é" * n for n in range(9)]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    rows: list[dict[str, object]] = [{"id": f"d{i}", "text": text} for i, text in enumerate(TEXTS)]
    for name in ("web", "wiki"):
        write_shard(Path(f"{name}.jsonl.zst"), rows)
    Path("mix.yaml").write_text(RECIPE)
    return read_recipe(Path("mix.yaml"))


def tagged(name: str) -> None:
    """gopher.words has not seen the last two of WORDS; one of them has no score."""
    columns = {"words.n": WORDS, "gopher.words": WORDS, "stop.n": STOPS, "gopher.stop_words": STOPS}
    write_attributes(
        Path(f"work/attributes/{name}/{name}.parquet"),
        TEXTS,
        {key: columns[key] for key in ("gopher.words", "gopher.stop_words")},
        taggers={"gopher": [True] * 8 + [False]},
    )


def swept(recipe: Recipe, *at: float, **options: Any) -> Sweep:
    column = options.pop("column", "gopher.words")
    return sweep_rule(recipe, Path("mix.yaml"), Work("work"), column, at, **options)


def test_counts_at_the_thresholds(recipe: Recipe) -> None:
    tagged("web")
    web = swept(recipe, 49, 50, 51, side="min").sources[0]
    assert (web.documents, web.bytes, web.without_score, web.not_scored) == (9, 72, 1, 1)
    # of 49, 50, 51, 100, 101, -, 50, 20, ?: within [at, 100]
    assert [row.alone.documents for row in web.thresholds] == [5, 4, 2]
    # less those with fewer than two stop words, or without a number of them
    assert [row.together.documents for row in web.thresholds] == [3, 2, 1]
    assert [row.change for row in web.thresholds] == [1, 0, -1]
    assert web.present.together.documents == 2
    assert web.present.together.bytes == 2 * (1 + 3)
    assert [row.unknown.documents for row in web.thresholds] == [1, 1, 1]


def test_most_and_the_other_bound_stays(recipe: Recipe) -> None:
    tagged("web")
    web = swept(recipe, 100, 101, 49, side="max").sources[0]
    assert [row.alone.documents for row in web.thresholds] == [4, 5, 0]


def test_sources_and_their_sum(recipe: Recipe) -> None:
    tagged("web")
    told = swept(recipe, 50, side="min")
    assert ([s.source for s in told.sources], told.untagged) == (["web"], ["wiki/wiki"])
    assert "not tagged yet, and not counted: wiki/wiki" in sweep_table(told)
    tagged("wiki")
    told = swept(recipe, 50, side="min")
    web, wiki, every = told.sources
    assert [s.source for s in told.sources] == ["web", "wiki", "all"]
    assert wiki.thresholds[0].together.documents == 5  # no rule on stop words, nor a most
    assert wiki.thresholds[0].change == -2
    assert every.documents == 18
    assert every.thresholds[0].change == web.thresholds[0].change - 2
    assert [s.source for s in swept(recipe, 50, side="min", source="wiki").sources] == ["wiki"]


def test_examples_at_the_border_with_their_texts(recipe: Recipe) -> None:
    tagged("web")
    [border] = swept(recipe, 50, side="min").sources[0].borders
    assert [(e.id, e.value, e.text) for e in border.inside] == [
        ("d1", 50, "é"),
        ("d6", 50, "é" * 6),
        ("d2", 51, "éé"),
    ]
    assert [(e.id, e.line) for e in border.outside] == [("d0", 1), ("d7", 8)]


def test_which_bound_is_meant(recipe: Recipe) -> None:
    tagged("web")
    assert swept(recipe, 50).side == "min"  # of a rule with both bounds
    assert swept(recipe, 50, side="max").side == "max"
    assert swept(recipe, 2, column="gopher.stop_words").side == "min"


def test_what_cannot_be_answered_is_one_line(recipe: Recipe) -> None:
    with pytest.raises(WorkError, match=r"nothing is tagged in work: run dolma-pipe tag mix\.yaml"):
        swept(recipe, 50)
    tagged("web")
    with pytest.raises(RecipeError, match=r"gopher\.wrods .*did you mean 'gopher\.words'"):
        swept(recipe, 50, column="gopher.wrods")
    with pytest.raises(UserError, match=r"unknown source .wbe. .*web"):
        swept(recipe, 50, source="wbe")


def test_scores_by_other_settings_are_told(recipe: Recipe) -> None:
    tagged("web")
    assert "gopher.words" in swept(recipe, 50, side="min").outdated
    assert "tag again: gopher." in sweep_table(swept(recipe, 50, side="min"))


@pytest.mark.usefixtures("recipe")
def test_where_scores_are_missing_no_change_is_told() -> None:
    """What one rule drops first, the taggers that come later have not seen."""
    Path("mix.yaml").write_text(RECIPE.replace("gopher.stop_words", "metadata.late"))
    late = read_recipe(Path("mix.yaml"))

    def table(seen: list[bool], *at: float, column: str) -> str:
        write_attributes(
            Path("work/attributes/web/web.parquet"),
            TEXTS[:4],
            {"gopher.words": [20, 60, 70, 80], "metadata.late": [None, 3, 0, 3]},
            taggers={"gopher": [True] * 4, "metadata": seen},
        )
        return sweep_table(swept(late, *at, column=column, source="web"))

    told = table([False, True, True, True], 10, 50, 75, column="gopher.words")
    rows = [line.split() for line in told.splitlines() if line[:14].strip().isdigit()]
    assert [row[-2:] for row in rows] == [["unknown", "1"], ["+0", "0"], ["-1", "0"]]
    assert "dolma-pipe tag --all scores all" in told
    told = table([False, True, True, True], 1, column="metadata.late")
    assert "  1 were not scored\n" in told
    assert "+0" in told
    told = table([False] * 4, 1, column="metadata.late")
    assert "  4 were not scored\n" in told
    assert "+0" not in told


@pytest.mark.parametrize("at", ["nan", "inf,3", "", "3,"])
def test_what_is_no_threshold(tmp_path: Path, at: str) -> None:
    told = dolma_pipe(tmp_path, "sweep", "mix.yaml", "--rule", "a.b", "--at", at, code=2).stderr
    assert "is no list of numbers" in told


def test_against_counting_one_by_one(recipe: Recipe) -> None:
    rng = random.Random(4)
    words = [rng.choice([None, *range(40, 60)]) for _ in range(9)]
    stops = [rng.choice([None, 0, 1, 2, 3]) for _ in range(9)]
    for name in ("web", "wiki"):
        write_attributes(
            Path(f"work/attributes/{name}/{name}.parquet"),
            TEXTS,
            {"gopher.words": words, "gopher.stop_words": stops},
        )
    web = swept(recipe, *range(38, 62), side="min", source="web").sources[0]
    for row in web.thresholds:
        kept = [w is not None and row.at <= w <= 100 for w in words]  # type: ignore[operator]
        both = [k and s is not None and s >= 2 for k, s in zip(kept, stops, strict=True)]
        assert row.alone.documents == sum(kept)
        assert row.together.documents == sum(both)
        assert row.together.bytes == sum(2 * i for i, b in enumerate(both) if b)


def test_the_table_harms_no_terminal(recipe: Recipe) -> None:
    write_shard(Path("web.jsonl.zst"), [{"id": "\x1b[2J", "text": "\x1b]0;x\x07 שלום"}])
    write_attributes(
        Path("work/attributes/web/web.parquet"),
        ["\x1b]0;x\x07 שלום"],
        {"gopher.words": [60.0], "gopher.stop_words": [3.0]},
        ids=["\x1b[2J"],
    )
    told = sweep_table(swept(recipe, 50, side="min"))
    assert "\x1b" not in told
    assert "\\x1b[2J" in told
    assert "שלום" in told


def test_the_command_changes_nothing(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=60)
    arguments = ("sweep", "mix.yaml", "--rule", "gopher.words", "--at", "5,20", "--min")
    told = dolma_pipe(tmp_path, *arguments, code=1).stderr
    assert told == "dolma-pipe: nothing is tagged in work/demo: run dolma-pipe tag mix.yaml\n"
    dolma_pipe(tmp_path, "tag", "mix.yaml")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    table = dolma_pipe(tmp_path, *arguments).stdout
    for line in ("gopher.words, least value that is kept", "web: 60 documents", "all: 120 doc"):
        assert line in table
    answer = json.loads(dolma_pipe(tmp_path, *arguments, "--json").stdout)
    assert [s["source"] for s in answer["sources"]] == ["web", "wiki", "all"]
    assert answer["sources"][0]["present"]["together"]["documents"] == 54
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    told = dolma_pipe(tmp_path, *arguments[:5], "5,x", code=2).stderr
    assert "5,x is no list of numbers" in told
