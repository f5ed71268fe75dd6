"""Two runs compared: every document once, with both fates, as an obvious count by ids has them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.compare import command
from dolma_pipe.errors import WorkError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.recipe import Rule, Source
from dolma_pipe.report.comparison import documents
from dolma_pipe.report.comparison.changes import by_setting, changes_of
from dolma_pipe.report.comparison.gather import comparison_of
from dolma_pipe.report.comparison.model import (
    ABSENT,
    KEPT,
    QUARANTINED,
    BothBins,
    Change,
    Comparison,
    Example,
    Overlay,
)
from dolma_pipe.report.comparison.orders import orders_changed
from dolma_pipe.report.comparison.overlays import overlays_of
from dolma_pipe.report.finished import FinishedRun, StoredRecipe, finished_run
from dolma_pipe.report.html.comparison_page import render_comparison
from dolma_pipe.report.html.overlay import overlay_of
from dolma_pipe.report.page.gather import samples_of
from dolma_pipe.report.page.model import Bins
from dolma_pipe.run import run, tag
from tests.browser import browser, opened
from tests.corpus import write_shard
from tests.report.page.runs import HOSTILE, RECIPE, context, write_inputs
from tests.report.page.runs import documents as made

__all__ = ["browser"]
replace = msgspec.structs.replace

EDITED = (
    RECIPE.replace("[30, 100]}}", "[45, 110]}}")
    .replace("pii.count: [null, 1]", "pii.count: [null, 2]")
    .replace("bands: 30", "bands: 3")
    .replace("web: 0.7, code: 0.3", "web: 0.6, code: 0.4")
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FinishedRun, FinishedRun]]:
    """B has another recipe, a shard with other documents, one under another name, one id twice."""
    root = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_inputs(root, shards=3, count=60)
        rows = [{**row, "id": f"web1-{i + 1}"} for i, row in enumerate(made("again", 20))]
        write_shard(root / "data/web/3.jsonl.zst", rows)  # ids of another shard
        run(context("a"))
        write_shard(root / "data/web/1.jsonl.zst", made("web1", 60)[20:] + made("new", 9))
        (root / "data/web/3.jsonl.zst").rename(root / "data/web/4.jsonl.zst")
        run(context("b", EDITED))
        yield finished_run("a"), finished_run("b")


@pytest.fixture(scope="module")
def told(runs: tuple[FinishedRun, FinishedRun]) -> Comparison:
    return comparison_of(*runs)


def fates(made: FinishedRun, source: str) -> dict[tuple[str, int], tuple[str, int]]:
    """By id, and which of several: what became of it, bytes of its text."""
    found: dict[tuple[str, int], tuple[str, int]] = {}
    seen: Counter[str] = Counter()
    for path in sorted((made.work.root / "attributes" / source).glob("*.parquet")):
        removed = iter((made.work.root / f"dedup/removed/{source}/{path.stem}.u8").read_bytes())
        for row in pq.read_table(path, columns=["id", "bytes", "dropped_by"]).to_pylist():
            fate = row["dropped_by"]
            if fate is None:
                entry = next(removed)
                fate = ["kept", "dedup 1 exact", "dedup 2 minhash"][entry]
            found[row["id"], seen[row["id"]]] = fate, row["bytes"]
            seen[row["id"]] += 1
    return found


def by_ids(a: FinishedRun, b: FinishedRun, source: str) -> Counter[tuple[str, str]]:
    before, after = fates(a, source), fates(b, source)
    nothing = (ABSENT, 0)
    return Counter(
        (before.get(key, nothing)[0], after.get(key, nothing)[0]) for key in {*before, *after}
    )


@pytest.mark.parametrize("source", ["web", "code"])
@pytest.mark.parametrize("joined", [1 << 24, 50])
def test_every_document_is_counted_once_with_both_fates(
    runs: tuple[FinishedRun, FinishedRun],
    source: str,
    joined: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "JOINED", joined)
    found = documents.compare_source(*runs, source)
    expected = by_ids(*runs, source)
    counted = {(t.before, t.after): t.documents for t in found.transitions}
    assert counted == dict(expected)
    moved = found.moved
    assert moved.entered == sum(n for (x, y), n in expected.items() if y == KEPT != x) > 0
    assert moved.left == sum(n for (x, y), n in expected.items() if x == KEPT != y) > 0
    assert moved.stayed == expected[KEPT, KEPT]
    assert moved.aligned == {"web": 120, "code": 180}[source]  # shards that are the same in both
    assert moved.stayed + moved.entered + moved.left + moved.neither == sum(expected.values())


def test_bytes_are_those_of_the_inputs(told: Comparison, runs: Any) -> None:
    a, b = (fates(one, "code") for one in runs)
    assert {*a} == {*b}
    left = sum(size for key, (fate, size) in a.items() if fate == KEPT != b[key][0])
    [moved] = [one for one in told.moved if one.source == "code"]
    assert moved.left_bytes == left


def test_changes_are_those_that_were_edited(told: Comparison) -> None:
    changes = {one.place: (one.before, one.after) for one in told.changes}
    before, after = changes.pop("sources.web.documents")
    assert str(before).startswith("4 shards, ")
    assert str(after).startswith("4 shards, ")
    assert changes == {
        "sources.web.quality.keep.gopher.words": ("[30,100]", "[45,110]"),
        "sources.web.content.keep.pii.count": ("[null,1]", "[null,2]"),
        "sources.code.quality.keep.gopher.words": ("[30,100]", "[45,110]"),
        "sources.none.quality.keep.gopher.words": ("[30,100]", "[45,110]"),
        "dedup.2.bands": ("30", "3"),
        "mix.shares.web": ("0.7", "0.6"),
        "mix.shares.code": ("0.3", "0.4"),
    }


def test_a_change_of_several_sources_is_told_once(told: Comparison) -> None:
    words, *_ = [one for one in by_setting(told.changes) if "words" in one.place]
    assert words.place == "quality.keep.gopher.words"
    assert words.sources == ("web", "code", "none")
    other = [Change("seed", "7", "8"), Change("sources.a.documents", "0" * 64, None)]
    assert [tuple(one) for one in by_setting(other)] == [
        ("seed", (), "7", "8"),
        ("documents", ("a",), "000000000000…", None),
    ]


def reordered(recipe: StoredRecipe) -> StoredRecipe:
    """Everything the other way round that has an order."""
    sources = tuple(
        replace(
            source,
            taggers=source.taggers[::-1],
            rules=source.rules[::-1],
            masks=source.masks[::-1],
        )
        for source in recipe.sources[::-1]
    )
    return replace(recipe, sources=sources, dedup=recipe.dedup[::-1])


def test_another_order_alone_is_a_change(
    runs: tuple[FinishedRun, FinishedRun], tmp_path: Path
) -> None:
    copy = shutil.copytree("a", tmp_path / "a")
    manifest = json.loads((copy / "manifest.json").read_text())
    recipe = msgspec.to_builtins(reordered(runs[0].recipe))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"recipe": recipe}))
    changes = {c.place: (c.before, c.after) for c in changes_of(runs[0], FinishedRun(copy))}
    assert changes == {
        "sources (order)": ("web, code, none", "none, code, web"),
        "sources.web.content.keep (order)": ("pii.count, metadata.n", "metadata.n, pii.count"),
        "sources.web.content.taggers (order)": ("pii, metadata", "metadata, pii"),
        "sources.code.quality.taggers (order)": ("gopher, code", "code, gopher"),
        "dedup (order)": ("exact, minhash", "minhash, exact"),
    }


def test_an_order_is_that_of_what_both_have() -> None:
    def recipe(*columns: str) -> StoredRecipe:
        rules = tuple(Rule("quality", column, 0, 1) for column in columns)
        return StoredRecipe(
            "", 0, (Source("web", (), (), rules, (), Reading()),), (), None, None, 1
        )

    def told(before: str, after: str) -> list[Change]:
        return list(orders_changed(recipe(*before), recipe(*after)))

    assert told("abc", "axbc") == told("abc", "ac") == told("", "ab") == told("ab", "ab") == []
    place = "sources.web.quality.keep (order)"
    assert told("abcde", "xacbde") == [Change(place, "b, c", "c, b")]


def test_examples_have_the_text_that_one_run_kept(told: Comparison) -> None:
    assert {one.before == KEPT for one in told.examples} == {True, False}
    for one in told.examples:
        example: Example = one.document
        assert (one.before == KEPT) != (one.after == KEPT)
        assert example.pieces
        if one.after == "gopher.words":
            assert isinstance(one.value, float)
            assert not 45 <= one.value <= 110
        if ABSENT in (one.before, one.after):
            assert one.value is None


def test_histograms_of_both_runs_share_their_bins(
    told: Comparison, runs: tuple[FinishedRun, FinishedRun]
) -> None:
    """Counts are those of attributes/, as all of it is in the samples."""
    ranges = {(one.column, one.histograms[0].source): one for one in told.overlays}
    words = [one for one in told.overlays if one.column == "gopher.words"]
    assert [(one.before, one.after) for one in words] == [((30, 100), (45, 110))]
    assert words[0].borders == ((30, 101), (45, 111))
    assert [one.source for one in words[0].histograms] == ["web", "code", "none"]
    assert (ranges["pii.count", "web"].before, ranges["pii.count", "web"].after) == (
        (None, 1),
        (None, 2),
    )
    for overlay in told.overlays:
        for one in overlay.histograms:
            assert one.a.edges == one.b.edges == overlay.histograms[0].a.edges
            for of, bins in zip(runs, (one.a, one.b), strict=True):
                values = stored(of, one.source, overlay.column)
                assert bins.counts == tuple(np.histogram(values, one.a.edges)[0].tolist())
                assert sum(bins.counts) + bins.below + bins.above == len(values)


def stored(made: FinishedRun, source: str, column: str) -> list[float]:
    paths = sorted((made.work.root / "attributes" / source).glob("*.parquet"))
    tables = [pq.read_table(path, columns=[column]) for path in paths if "none" not in str(path)]
    return [value for table in tables for value in table.column(column).drop_null().to_pylist()]


def test_a_rule_that_only_one_run_has(runs: tuple[FinishedRun, FinishedRun]) -> None:
    """Where the other has stored its column all the same, its values are there, too."""
    without = samples_of(runs[0], frozenset({"gopher.words"}))
    bare = [replaced(one, source=replace(one.source, rules=())) for one in without]
    [words] = [
        one for one in overlays_of(bare, samples_of(runs[1])) if one.column == "gopher.words"
    ]
    assert (words.before, words.after, words.borders[0]) == (None, (45, 110), ())
    assert all(sum(one.a.counts) for one in words.histograms if one.source != "none")
    chart = overlay_of(words, 3, by_source=True)
    assert chart is not None
    assert (chart.kept, chart.changed) == ("A has no such rule, B keeps 45 to 110", True)


def test_bounds_beyond_the_axis_stand_at_its_end() -> None:
    """The ends of a logarithmic one among them, which has no place for a 0."""
    bins = Bins((0.5, 5.0, 500.0), (3, 1), scale="log")
    told = Overlay(
        "quality", "x.y", (None, 0), (None, 900), ((0.0,), (900.0,)), (BothBins("web", bins, bins),)
    )
    chart = overlay_of(told, 1, by_source=True)
    assert chart is not None
    layers = chart.chart.spec["layer"]
    places = [layer["encoding"]["x"].get("datum") for layer in layers if "data" in layer]
    assert places == [0.5, 0.5, 500.0, 500.0]


def test_examples_whose_texts_were_removed_say_so(
    runs: tuple[FinishedRun, FinishedRun], tmp_path: Path
) -> None:
    copy = shutil.copytree("b", tmp_path / "b")
    shutil.rmtree(copy / "curated")
    told = comparison_of(runs[0], finished_run(str(copy)))
    entered = [one.document for one in told.examples if one.after == KEPT]
    assert entered
    for document in entered:
        assert document.pieces == ()
        assert document.note.endswith(f"{document.shard}.jsonl.zst is not there any more")
    assert all(one.document.pieces for one in told.examples if one.before == KEPT)
    assert "is not there any more" in render_comparison(told)


def test_quarantined_documents_are_told_from_those_that_are_not_there(
    runs: tuple[FinishedRun, FinishedRun],
) -> None:
    run(context("limited", f"{EDITED}max_document_bytes: 600\nmax_bad: 1000\n"))
    [long] = [
        row.quarantined for row in finished_run("limited").summary.intake if row.source == "code"
    ]
    for there, limited in ((1, 0), (0, 1)):
        both = [finished_run("limited"), finished_run("limited")]
        both[there] = runs[1]
        found = documents.compare_source(both[0], both[1], "code")
        counted = [(t.documents, (t.before, t.after)[limited]) for t in found.transitions]
        assert sum(n for n, fate in counted if fate == QUARANTINED) == long > 0
        assert not any(fate == ABSENT for _, fate in counted)
        assert any(KEPT in (one.before, one.after) for one in found.found)
    told = comparison_of(runs[1], finished_run("limited"))
    assert "quarantined lines" in render_comparison(told)


def test_a_run_is_like_itself(runs: tuple[FinishedRun, FinishedRun]) -> None:
    same = comparison_of(runs[0], finished_run("a"))
    assert (same.changes, same.examples) == ((), ())
    assert all(t.before == t.after for t in same.transitions)
    assert "Every document fared alike" in render_comparison(same)


@pytest.mark.parametrize("recipe", [RECIPE, EDITED])
def test_deduplication_of_an_earlier_run_does_not_count(
    runs: tuple[FinishedRun, FinishedRun], recipe: str
) -> None:
    """It is in the directory still, and of other survivors where the rules were edited."""
    copy = Path(f"tagged{len(recipe)}")
    shutil.copytree("a", copy)
    tag(context(str(copy), recipe), (), (), score_all=False)
    told = comparison_of(finished_run(str(copy)), runs[1])
    assert not any(one.before.startswith("dedup") for one in told.transitions)
    assert any(one.after.startswith("dedup") for one in told.transitions)


@pytest.mark.parametrize("gone", ["attributes/web/0.parquet", "dedup/removed/code/1.u8"])
def test_what_is_gone_is_an_error_and_no_document_that_fared_otherwise(
    runs: tuple[FinishedRun, FinishedRun], gone: str, tmp_path: Path
) -> None:
    copy = shutil.copytree("a", tmp_path / "a")
    (copy / gone).unlink()
    with pytest.raises(WorkError, match=f"{gone} is not there"):
        comparison_of(finished_run(str(copy)), runs[1])


@pytest.mark.usefixtures("runs")
def test_the_command(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    as_json = CliRunner().invoke(command, ["a", "b", "--json", "--out", str(page)])
    assert as_json.exit_code == 0
    assert {*json.loads(as_json.stdout)} == {*Comparison.__struct_fields__}
    table = CliRunner().invoke(command, ["a", "b"]).output
    assert "dedup.2.bands" in table
    assert HOSTILE[:8] not in table
    assert page.stat().st_size < 5_000_000
    refused = CliRunner().invoke(command, ["a", "nowhere"])
    assert isinstance(refused.exception, WorkError)


def test_the_page_in_a_browser(browser: Any, told: Comparison, tmp_path: Path) -> None:
    file = tmp_path / "compare.html"
    file.write_text(render_comparison(told), encoding="utf-8")
    with opened(browser, file) as shown:
        page = shown.page
        page.locator("#documents figure svg").first.wait_for()
        page.locator("#rules details[open] figure").scroll_into_view_if_needed()
        chart = page.locator("#rules details[open] figure svg")
        chart.wait_for()
        assert chart.locator(".mark-area path").count() == 2
        assert {"A min 30", "B min 45", "A max 100", "B max 110"} <= {
            *chart.locator(".mark-text text").all_text_contents()
        }
        assert page.locator("#documents figure svg .mark-rect path").count() > 2
        page.locator("[data-source-filter] input[value=code]").dispatch_event("click")
        assert page.locator("#documents tbody tr[data-source=web]:visible").count() == 0
        assert page.locator("#documents tbody tr[data-source=code]:visible").count() > 1
        assert shown.complaints == []
        assert shown.asked == [file.as_uri()]
