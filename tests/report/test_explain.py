"""explain: every score, each verdict, matches in context, and what later stages did."""

import json
from pathlib import Path

import pytest

from dolma_pipe.errors import UserError, WorkError
from dolma_pipe.passes.curate import tagger_fingerprint
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.explain import Explained, explain
from dolma_pipe.report.explain_table import explain_table
from dolma_pipe.work import Work
from tests.attributes import write_attributes
from tests.corpus import dolma_pipe, write_corpus, write_shard

RECIPE = """
name: demo
sources:
  web: {documents: web*.jsonl.zst}
  wiki: {documents: wiki.jsonl.zst}
quality:
  taggers: [gopher]
  keep: {gopher.words: [3, 8], gopher.stop_words: [1, null]}
content:
  taggers: [pii]
  mask: {pii.email: x}
"""
TEXT = "שלום 👩\u200d👧 e\u0301 the a@example.org \x1b[31m and b@example.org"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    write_shard(
        Path("web.jsonl.zst"),
        [{"id": "short", "text": "the two"}, {"id": "mail", "text": TEXT}],
    )
    write_shard(Path("web2.jsonl.zst"), [{"id": "three", "text": "the three are"}])
    write_shard(Path("wiki.jsonl.zst"), [{"id": "mail", "text": "of the wiki"}])
    Path("mix.yaml").write_text(RECIPE)
    return read_recipe(Path("mix.yaml"))


def explained(recipe: Recipe, name: str, source: str | None = None) -> list[Explained]:
    return explain(recipe, Work("work"), name, source)


def test_what_is_not_tagged_is_scored_now(recipe: Recipe) -> None:
    [found] = explained(recipe, "short")
    assert (found.source, found.shard, found.line, found.tagged) == ("web", "web/web", 1, False)
    verdicts = {v.column: (v.value, v.kept, v.reason) for v in found.verdicts}
    assert verdicts == {
        "gopher.words": (2, False, True),
        "gopher.stop_words": (1, True, False),
    }
    assert {score.origin for score in found.scores} == {"now"}
    assert "not tagged yet; gopher.words would drop it" in explain_table([found])


@pytest.mark.parametrize(("name", "kept"), [("short", False), ("three", True)])
def test_verdicts_at_the_threshold(recipe: Recipe, name: str, kept: bool) -> None:
    [found] = explained(recipe, name)
    assert found.verdicts[0].kept == kept
    assert found.verdicts[0].value == (3 if kept else 2)


def test_stored_scores_are_told_and_missing_ones_made(recipe: Recipe) -> None:
    """The stored number is not what the tagger says now, so that one sees whose it is."""
    write_attributes(
        Path("work/attributes/web/web.parquet"),
        ["the two", TEXT],
        {"gopher.words": [2.5, 99.0], "pii.email": [None, None]},
        dropped_by=["gopher.words", None],
        taggers={"gopher": [True, True], "pii": [False, False]},
        ids=["short", "mail"],
        fingerprints={use.prefix: tagger_fingerprint(use) for use in recipe.sources[0].taggers},
    )
    [found] = explained(recipe, "short")
    scores = {score.column: (score.value, score.origin) for score in found.scores}
    assert scores["gopher.words"] == (2.5, "stored")
    assert scores["gopher.stop_words"] == (1, "now")
    assert scores["pii.emails"] == (0, "now")
    assert found.dropped_by == "gopher.words"
    assert "result  dropped by gopher.words\n" in explain_table([found])
    [web, _] = explained(recipe, "mail")
    assert "kept when it was tagged; gopher.words of today's recipe drops it" in explain_table(
        [web]
    )


def test_scores_by_other_settings_are_made_anew(recipe: Recipe) -> None:
    path = Path("work/attributes/web/web.parquet")
    write_attributes(path, ["the two", TEXT], {"gopher.words": [2.5, 9.0]}, ids=["short", "mail"])
    [found] = explained(recipe, "short")
    scores = {score.column: (score.value, score.origin) for score in found.scores}
    assert scores["gopher.words"] == (2, "now")


def test_a_shard_that_has_changed_is_told(recipe: Recipe) -> None:
    path = Path("work/attributes/web/web.parquet")
    write_attributes(path, ["the two", TEXT], {"gopher.words": [2.0, 9.0]}, ids=["gone", "mail"])
    with pytest.raises(UserError, match="has not 'gone' in line 1 any more: tag again"):
        explained(recipe, "gone")


def test_damaged_attributes_are_one_line(recipe: Recipe) -> None:
    path = Path("work/attributes/web/web.parquet")
    write_attributes(path, ["the two", TEXT], {"gopher.words": [2.0, 9.0]}, ids=["short", "mail"])
    content = bytearray(path.read_bytes())
    content[20:120] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(WorkError, match=r"cannot read .*web\.parquet .*: tag again") as caught:
        explained(recipe, "short")
    assert "\n" not in str(caught.value)


def test_an_id_that_is_no_utf8_is_unknown(recipe: Recipe) -> None:
    write_attributes(Path("work/attributes/web/web.parquet"), ["a"], {"gopher.words": [1.0]})
    with pytest.raises(UserError, match="has the id"):
        explained(recipe, "\udcff")


def test_matches_stand_in_context_and_harm_no_terminal(recipe: Recipe) -> None:
    web, wiki = explained(recipe, "mail")
    assert (web.source, wiki.source) == ("web", "wiki")
    [email] = [score for score in web.scores if score.column == "pii.email"]
    assert email.spans == 2
    assert [match.text for match in email.matches] == ["a@example.org", "b@example.org"]
    assert email.matches[0].before == "שלום 👩\u200d👧 e\u0301 the "
    assert TEXT.encode()[email.matches[0].start : email.matches[0].end] == b"a@example.org"
    table = explain_table([web, wiki])
    assert "\x1b" not in table
    assert ">>>a@example.org<<< \\x1b[31m and" in table
    assert table.startswith("2 documents have this id")
    assert [one.source for one in explained(recipe, "mail", "wiki")] == ["wiki"]


def test_an_unknown_id_is_one_line_with_near_ones(recipe: Recipe) -> None:
    with pytest.raises(UserError, match=r"no document of web, wiki has the id 'thre' .*three\?"):
        explained(recipe, "thre")
    with pytest.raises(UserError, match=r"no document of wiki has the id 'three'$"):
        explained(recipe, "three", "wiki")
    with pytest.raises(UserError, match=r"unknown source 'wki'.*wiki"):
        explained(recipe, "three", "wki")


def test_after_a_whole_run(tmp_path: Path) -> None:
    """Beside a lock that somebody else holds, and nothing is written."""
    import fcntl

    import pyarrow.parquet as pq

    write_corpus(tmp_path, shards=1, count=60)
    dolma_pipe(tmp_path, "run", "mix.yaml", "--workers", "2")
    rows = pq.read_table(tmp_path / "work/demo/dedup/removed.parquet").to_pylist()
    gone = {row["removed_id"] for row in rows}
    removed = next(row for row in rows if row["kept_id"] not in gone)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    with (tmp_path / "work/demo/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = dolma_pipe(tmp_path, "explain", "mix.yaml", removed["removed_id"]).stdout
        assert f"a duplicate: removed by dedup entry {removed['entry']}" in told
        assert f"for {removed['kept_id']} of" in told
        [kept] = json.loads(
            dolma_pipe(tmp_path, "explain", "mix.yaml", removed["kept_id"], "--json").stdout
        )
        assert kept["kept_for"] >= 1
        assert kept["copies"] is not None
        told = dolma_pipe(tmp_path, "explain", "mix.yaml", "web0-7").stdout
        assert "dropped by gopher.words" in told
        assert "10 <= gopher.words <= 100000" in told
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    told = dolma_pipe(tmp_path, "explain", "mix.yaml", "web0-x", code=1).stderr
    assert told.startswith("dolma-pipe: no document of web, wiki has the id 'web0-x' (did you mean")
    assert told.count("\n") == 1
