"""The page of a run: counts are those of report.json, samples are bounded, examples stand on both
sides of a border, hostile text is text."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.browse.opened import Opened
from dolma_pipe.errors import WorkError
from dolma_pipe.report.finished import finished_run
from dolma_pipe.report.html.removals import entries_of, removed_by_entry, rule_of
from dolma_pipe.report.page import columns, duplicates, lengths, sample
from dolma_pipe.report.page.excerpts import CHANGED, FAR, excerpt
from dolma_pipe.report.page.gather import page_of
from dolma_pipe.report.page.marks import Mark
from dolma_pipe.report.page.model import Example, Page, Piece
from dolma_pipe.report.page.sample import sample_of
from dolma_pipe.run import run, tag
from tests.corpus import write_shard
from tests.report.page.runs import HOSTILE, RECIPE, context, documents, write_inputs, write_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_run(root)
        yield root


@pytest.fixture(scope="module")
def page(finished: Path) -> Page:  # noqa: ARG001  it is the current directory
    return page_of(finished_run("work"))


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run, to be changed."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def text_of(example: Example) -> str:
    return "".join(piece.text for piece in example.pieces)


def test_counts_are_those_of_the_report(finished: Path, page: Page) -> None:
    told = json.loads((finished / "work/report.json").read_text())
    assert page.stages == ("language", "quality", "content", "dedup", "mix", "tokenize")
    assert [msgspec.to_builtins(row) for row in page.intake] == told["intake"]
    for flow in told["flows"]:
        if flow["stage"] != "dedup":
            removed = {
                panel.column: panel.removed[flow["source"]]
                for panel in page.rules
                if panel.stage == flow["stage"] and flow["source"] in panel.removed
            }
            assert removed == flow["dropped"]
        [step] = [s for s in page.steps if (s.source, s.stage) == (flow["source"], flow["stage"])]
        assert (step.documents, step.bytes) == (flow["documents_out"], flow["bytes_out"])
    assert {e.method: e.removed.get("web", 0) for e in page.dedup} == next(
        flow["dropped"]
        for flow in told["flows"]
        if (flow["stage"], flow["source"]) == ("dedup", "web")
    )
    assert page.mix is not None
    assert [msgspec.to_builtins(row) for row in page.mix.rows] == told["mix"]
    masked = {count.column: count.masked for count in page.spans if count.source == "web"}
    assert masked.pop("pii.email") == told["intake"][0]["masked_spans"]["pii.email"] > 0
    assert set(masked.values()) == {None}  # spans that nothing masks


def test_the_last_tokens_are_exact_and_those_before_estimates(page: Page) -> None:
    assert page.mix is not None
    encoded = {row.source: row.encoded for row in page.mix.rows}
    for source in ("web", "code"):
        steps = {step.stage: step for step in page.steps if step.source == source}
        assert (steps["dedup"].tokens, steps["dedup"].estimated) == (encoded[source], False)
        assert steps["input"].estimated
        assert (steps["input"].tokens or 0) > encoded[source]
        output = next(row for row in page.mix.rows if row.source == source)
        assert (steps["mix"].tokens, steps["output"].tokens) == (output.used, output.output)


def test_in_a_whole_sample_histograms_hold_every_document(page: Page) -> None:
    for panel in page.rules:
        for one in panel.histograms:
            bins = one.bins
            assert one.shown == one.of
            assert sum(bins.counts) + bins.below + bins.above + bins.without == one.of
            scored = sum(bins.counts) + bins.below + bins.above
            inside = sum(bins.kept)
            if one.source != "none" and panel.column == "gopher.words":
                assert panel.would[one.source] == scored - inside  # a rule that sees all of them
                assert panel.would[one.source] == panel.removed[one.source] > 0
        assert len({one.bins.edges for one in panel.histograms}) == 1


def test_columns_without_a_rule_have_histograms_too(page: Page) -> None:
    having = {panel.column: [one.source for one in panel.histograms] for panel in page.columns}
    assert having["gopher.mean_word_length"] == ["web", "code", "none"]
    assert having["pii.emails"] == ["web"]
    assert "gopher.words" not in having, "a rule of every source looks at it"
    assert not [name for name in having if name in ("pii.email", "code.language", "metadata.n")]
    for panel in page.columns:
        assert len({one.bins.edges for one in panel.histograms}) == 1
        for one in panel.histograms:
            assert (
                sum(one.bins.counts) + one.bins.without + one.bins.below + one.bins.above == one.of
            )
        assert panel.quantiles == tuple(sorted(panel.quantiles))
    [emails] = [panel for panel in page.columns if panel.column == "pii.emails"]
    [spans] = [count for count in page.spans if count.column == "pii.email"]
    [bins] = [one.bins for one in emails.histograms]
    with_one = sum(n for low, n in zip(bins.edges, bins.counts, strict=False) if low >= 1)
    assert with_one + bins.above == spans.documents > 0


def test_a_rule_of_several_sources_is_one_panel(page: Page) -> None:
    told = [(panel.stage, panel.column, tuple(panel.removed)) for panel in page.rules]
    assert told == [
        ("quality", "gopher.words", ("web", "code", "none")),
        ("content", "pii.count", ("web",)),
        ("content", "metadata.n", ("web",)),
    ]
    assert "number of words" in page.rules[0].help


def test_examples_stand_on_both_sides_nearest_to_each_border(page: Page) -> None:
    for panel in page.rules:
        values = [float(example.value or 0) for example in panel.examples]
        assert values == sorted(values)
        if panel.column == "gopher.words":
            assert [sum(v < 30 for v in values), sum(v > 100 for v in values)] == [3, 3]
            kept = [v for v in values if 30 <= v <= 100]
            assert [sum(v < 65 for v in kept), sum(v > 65 for v in kept)] == [3, 3]
            samples = [sample_of(finished_run("work"), one) for one in finished_run("work").tagged]
            every = np.concatenate([one.numbers("gopher.words") for one in samples])
            assert [v for v in values if v < 30] == sorted(every[every < 30])[-3:]
            assert [v for v in values if v > 100] == sorted(every[every > 100])[:3]
    for example in page.rules[0].examples:
        words = len(text_of(example).split())
        assert words == example.value or text_of(example).endswith("…")
        assert (example.dropped_by == "gopher.words") == (
            not 30 <= float(example.value or 0) <= 100
        )
        assert example.kept == (example.dropped_by is None)


def test_masks_are_written_into_examples_and_hostile_text_is_text(page: Page) -> None:
    [count] = [count for count in page.spans if count.column == "pii.email"]
    for example in (*count.examples, *page.rules[1].examples):
        written = [piece.text for piece in example.pieces if piece.tone == "new"]
        assert written == ["|||EMAIL_ADDRESS|||"] * int(example.value or 0)
    assert len(count.examples) == 3
    assert all(example.kept for example in count.examples)
    assert any(HOSTILE in text_of(example) for panel in page.rules for example in panel.examples)
    assert json.loads(msgspec.json.encode(page))["name"] == "demo"


def test_no_text_of_a_source_with_masks_shows_what_they_hide(page: Page) -> None:
    examples = [example for panel in page.rules for example in panel.examples]
    examples += [example for count in page.spans for example in count.examples]
    web = [example for example in examples if example.source == "web"]
    assert not [one for one in web if "@example.org" in text_of(one)]
    clusters = [one for entry in page.dedup for one in entry.biggest if one.kept.source == "web"]
    assert clusters
    assert "@example.org" not in str(clusters)


def test_nor_where_nobody_has_looked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents that were dropped before are looked at for the page."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path, 1, 60)
    early = RECIPE.replace(", metadata.n: [0, 90]", "").replace(
        "documents: data/web/*\n",
        "documents: data/web/*\n    language: {keep: {metadata.n: [0, 43]}}\n",
    )
    tag(context(recipe=early), ("web",), (), score_all=False)
    found = page_of(finished_run("work"))
    [counted] = [count for count in found.spans if count.column == "pii.email"]
    assert counted.sampled == found.steps[1].documents < found.steps[0].documents
    dropped = [e for rule in found.rules for e in rule.examples if e.dropped_by == "metadata.n"]
    assert [one.value for one in dropped] == [44, 46, 47]
    assert "@example.org" not in str(dropped)
    assert str(dropped).count("|||EMAIL_ADDRESS|||") == 2


def test_personal_data_is_told_apart_from_other_spans(page: Page) -> None:
    told = {(count.source, count.column): count.hidden for count in page.spans}
    assert told["web", "pii.email"]
    assert told["web", "pii.phone"], "nothing masks it, its tagger says so"
    assert not told["code", "code.licence_header"]


def test_labels_are_counted_and_documents_without_a_score_told(page: Page) -> None:
    shares = {share.language: share.documents for share in page.languages}
    [left] = [s for s in page.steps if (s.source, s.stage) == ("code", "quality")]
    assert set(shares) == {"python", "rust"}
    assert sum(shares.values()) == left.documents  # a dropped document is not scored further
    assert sum(share.bytes for share in page.languages) == left.bytes
    numbers = next(panel for panel in page.rules if panel.column == "metadata.n")
    assert numbers.histograms[0].bins.without >= 27
    assert numbers.would["web"] >= 20
    left = sum(numbers.histograms[0].bins.counts)
    assert numbers.scored["web"] - left == numbers.would["web"]
    shown = rule_of(numbers, page, by_source=True).chart
    assert shown is not None
    assert shown.finding.endswith(f"({numbers.would['web']} without a value)")
    assert f" of the {numbers.scored['web']} documents" in shown.finding  # no share above 100 %


def test_clusters_are_side_by_side(page: Page) -> None:
    exact, near = page.dedup
    assert exact.biggest[0].copies[0].kept == exact.biggest[0].copies[0].copy
    copy = next(c for cluster in near.biggest for c in cluster.copies if "end" in str(c.copy))
    assert [piece.text.strip() for piece in copy.copy if piece.tone == "new"]
    assert not [piece for piece in copy.kept if piece.tone == "new"]
    assert copy.document.line > 0
    assert sum(entry.removed.get("web", 0) for entry in page.dedup) > 0


def test_the_curve_goes_through_the_means_of_its_buckets(page: Page) -> None:
    assert page.mix is not None
    points = page.mix.curves["web"]
    x, y = [p[0] for p in points], [p[1] for p in points]
    for bucket in page.mix.buckets:
        inside = [b for a, b in zip(x, y, strict=True) if bucket.low <= a <= bucket.high]
        if bucket.source == "web" and bucket.repeats and len(inside) > 2:
            assert min(inside) - 1e-3 <= bucket.repeats <= max(inside) + 1e-3
    assert "code" not in page.mix.curves


def test_lengths_count_repeats(page: Page, finished: Path) -> None:
    manifest = json.loads((finished / "work/tokens/manifest.json").read_text())
    made = {source["name"]: source for source in manifest["sources"]}
    for one in page.lengths:
        assert (one.documents, one.tokens) == tuple(
            made[one.source][name] for name in ("documents", "tokens")
        )
        assert one.shown == one.documents == sum(one.bins.counts) + one.bins.below + one.bins.above


def test_the_same_each_time(page: Page, finished: Path) -> None:  # noqa: ARG001  the directory
    assert page_of(finished_run("work")) == page


def test_the_sample_is_bounded(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setattr(sample, "SHARDS", 2)
    monkeypatch.setattr(sample, "READ_OF_A_SHARD", 6000)
    monkeypatch.setattr(columns, "COLUMNS", 3)
    monkeypatch.setattr(lengths, "DOCUMENTS", 10)
    monkeypatch.setattr(duplicates, "READ", 0)
    (Path("data/web/1.jsonl.zst")).unlink()  # between the two that are read
    small = page_of(finished_run("work"))
    for one in small.rules[0].histograms[:2]:
        assert (one.shown, one.of) == (120, 180)
    assert {e.shard for panel in small.rules for e in panel.examples} <= {
        "web/0",
        "web/2",
        "code/0",
        "code/2",
    }
    assert all(one.shown <= 60 for one in small.lengths)
    assert len(small.columns) == 3
    notes = {e.note for panel in small.rules for e in panel.examples}
    assert notes == {"", FAR} or notes == {""}
    assert small.dedup[0].biggest[0].kept.note.startswith("only the beginning")
    assert text_of(small.dedup[0].biggest[0].kept)


def test_inputs_that_are_gone_or_changed_cost_their_texts_only(copy: Path, page: Page) -> None:
    shutil.rmtree(copy / "data/web")
    for i in range(3):
        rows = [{**row, "text": f"{row['text']}!"} for row in documents(f"code{i}", 60)]
        write_shard(copy / f"data/code/{i}.jsonl.zst", rows)
    found = page_of(finished_run("work"))
    for panel, other in zip(found.rules, page.rules, strict=True):
        assert panel.histograms == other.histograms
        for example in panel.examples:
            assert not example.pieces
            if example.source == "web":
                assert example.note.startswith("its input cannot be read: ")
            else:
                assert example.note == CHANGED


@pytest.mark.parametrize("told", ["{", "[]", '{"seconds": 1}'])
def test_times_that_cannot_be_read_are_none(copy: Path, told: str) -> None:
    (copy / "work/timings.json").write_text(told)
    assert (page_of(finished_run("work")).times, page_of(finished_run("work")).seconds) == (
        (),
        None,
    )


def test_what_an_earlier_run_left_of_a_failed_shard_is_in_no_sample(copy: Path) -> None:
    told = json.loads((copy / "work/report.json").read_text())
    told["failed"] = {"web/1": "disk full"}
    (copy / "work/report.json").write_text(json.dumps(told))
    assert page_of(finished_run("work")).rules[0].histograms[0].shown == 120


def test_a_damaged_dedup_report_is_told(copy: Path) -> None:
    (copy / "work/dedup/report.json").write_text("{")
    with pytest.raises(WorkError, match=r"dedup/report.json is not of this version"):
        page_of(finished_run("work"))


def test_a_damaged_file_of_attributes_is_a_note(copy: Path) -> None:
    (copy / "work/attributes/web/1.parquet").write_bytes(b"no Parquet")
    found = page_of(finished_run("work"))
    assert found.rules[0].histograms[0].shown == 120
    assert any("web/1.parquet" in note for note in found.notes)


@pytest.mark.parametrize("stage", ["language", "quality", "dedup"])
def test_a_run_that_stopped_early_has_a_page(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path, 1, 20)
    run(context(), stage)  # type: ignore[arg-type]
    found = page_of(finished_run("work"))
    assert found.stages[-1] == ("dedup" if stage == "dedup" else "content")
    assert (found.mix, found.lengths, found.packing) == (None, (), ())
    assert bool(found.rules) == (stage != "language")
    assert bool(found.dedup) == (stage == "dedup")
    assert found.steps[0].tokens is None


def test_what_is_only_tagged_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a shard failed, and some sources have not been asked for."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path, 1, 20)
    Path("data/web/1.jsonl.zst").mkdir()
    Path("data/web/1.jsonl.zst").rmdir()
    tag(context(), ("web",), (), score_all=True)
    found = page_of(finished_run("work"))
    assert found.sources == ("web",)
    assert {panel.column for panel in found.rules} == {"gopher.words", "pii.count", "metadata.n"}
    assert "pii" in found.recipe
    assert found.facts


def test_no_stage_of_an_earlier_run_is_told(copy: Path) -> None:  # noqa: ARG001
    """A recipe that was tagged again: plan and dedup report are those of another corpus."""
    tag(context(recipe=RECIPE.replace("[30, 100]", "[40, 100]")), (), (), score_all=False)
    found = page_of(finished_run("work"))
    assert (found.mix, found.dedup, found.lengths) == (None, (), ())
    assert found.rules[0].minimum == 40
    assert not Opened(finished_run("work")).deduplicated  # nor browsed


def test_excerpts_mark_what_was_found() -> None:
    text = ("ä" * 300 + "MATCH" + "ö" * 900).encode()
    marks = [Mark(600, 605, "match"), Mark(605, 607, "new", "|||")]
    pieces = excerpt(text, marks, 600)
    assert pieces[0] == Piece("…")
    assert [p.tone for p in pieces] == ["plain", "plain", "match", "new", "plain", "plain"]
    assert pieces[1].text == "ä" * 120
    assert [piece.text for piece in pieces[2:4]] == ["MATCH", "|||"]
    assert sum(len(piece.text) for piece in pieces) == 404  # "|||" for one of 400, two "…"
    assert excerpt(b"short") == (Piece("short"),)
    assert excerpt(b"") == ()
    assert excerpt("é".encode(), [Mark(0, 2, "match")]) == (Piece("é", "match"),)


def test_an_entry_that_only_annotates_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path, 1, 20)
    run(context(recipe=RECIPE.replace("exact: {}", "exact: {action: annotate}")), "dedup")
    finished = finished_run("work")
    found = page_of(finished)
    noted, near = found.dedup
    assert noted.removed == {}
    assert noted.by_sources
    lost = {flow.source: sum(flow.dropped.values()) for flow in finished.summary.flows[-3:]}
    assert lost == near.removed | {"none": 0}
    chart = removed_by_entry(found)
    assert chart is not None
    assert chart.finding.startswith(f"{sum(lost.values())} documents ")
    assert [entry.title for entry in entries_of(found)] == ["1 exact (only notes)", "2 minhash"]


def test_repeats_without_number_are_chosen_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, copies = np.array([3, 5, 7]), np.array([2, 0, 6])
    sampled = lengths.Sampled(None, tokens, copies)  # type: ignore[arg-type]
    assert sampled.expanded.tolist() == [3, 3, 7, 7, 7, 7, 7, 7]
    monkeypatch.setattr(lengths, "COPIES", 4)
    assert sampled.expanded.tolist() == [3, 7, 7, 7]
    huge = sampled._replace(copies=np.array([1 << 40, 0, 3 << 40]))
    assert huge.expanded.tolist() == [3, 7, 7, 7]
