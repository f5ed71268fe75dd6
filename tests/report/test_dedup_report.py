"""dedup report: its numbers add up, its times are those of its run, its texts harm no terminal."""

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.cuts import cuts_of, write_cuts
from dolma_pipe.passes.phases import Phase, phases_of, read_dedup_times
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.cluster_texts import _with_cuts, cluster_texts, cut_texts
from dolma_pipe.report.clusters import largest_noted, largest_removed
from dolma_pipe.report.dedup import read_report
from dolma_pipe.report.dedup_blocks import curve_block
from dolma_pipe.report.dedup_table import cut_tokens, dedup_table, removed_tokens
from dolma_pipe.report.dedup_tokens import Rates, _Count, _rates, token_rates
from dolma_pipe.report.difference import marked
from dolma_pipe.report.explain import explain
from dolma_pipe.report.explain_table import explain_table
from dolma_pipe.report.layout import display_width
from dolma_pipe.report.settings import settings_told
from dolma_pipe.report.summary import Flow, Summary
from dolma_pipe.report.table import told as table_told
from dolma_pipe.stages.dedup.annotations import ANNOTATIONS
from dolma_pipe.work import Work
from tests.corpus import dolma_pipe, text, write_shard, write_tokenizer

RECIPE = """
name: demo
sources:
  web:  {documents: "data/web/*.jsonl.zst"}
  wiki: {documents: "data/wiki/*.jsonl.zst"}
dedup:
  - exact: {prefer: [wiki]}
  - minhash: {bands: 30, rows: 3, verify: 0.7}
  - minhash: {bands: 50, rows: 2, verify: 0.3, action: annotate}
tokenize: {tokenizer: tokenizer.json}
"""
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp \x9b31m"


def corpus() -> dict[str, list[str]]:
    """40 texts; of each an exact copy in wiki, near copies (some changed words), and far ones."""
    chance = random.Random(11)
    sources: dict[str, list[str]] = {"web": [], "wiki": []}
    for i in range(40):
        words = [f"{word}{i}" for word in text(chance, 120).split()]
        sources["web"].append(" ".join(words))
        if i % 2:
            sources["wiki"].append("\n".join(words))
        for step in range(i % 4):
            near = [w if k % 50 else f"changed{step}" for k, w in enumerate(words)]
            sources["web"].append(" ".join(["first", HOSTILE, *near] if i == 3 else near))
        if i % 5 == 0:
            sources["web"].append(" ".join([*words[:70], *text(chance, 50).split()]))
    sources["wiki"] += [text(chance, 80) for _ in range(4)]
    return sources


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    for source, texts in corpus().items():
        rows = [{"id": f"{source}-{i}", "text": one} for i, one in enumerate(texts)]
        half = len(rows) // 2
        write_shard(root / f"data/{source}/a.jsonl.zst", [dict(row) for row in rows[:half]])
        write_shard(root / f"data/{source}/b.jsonl.zst", [dict(row) for row in rows[half:]])
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)
    dolma_pipe(root, "dedup", "mix.yaml", "--workers", 1)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished run, to be changed."""
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def work(root: Path) -> Work:
    assert Path.cwd() == root
    return Work("work/demo")


def told(root: Path, *arguments: object) -> str:
    return dolma_pipe(root, "dedup", "report", *arguments).stdout


def test_the_numbers_add_up(root: Path) -> None:
    report = json.loads(told(root, "mix.yaml", "--json"))
    exact, minhash, noted = report["entries"]
    assert exact["documents"] == report["documents"]
    assert minhash["documents"] == exact["documents"] - exact["removed_documents"]
    left = minhash["documents"] - minhash["removed_documents"]
    assert noted["documents"] == report["kept"] == left
    assert minhash["bytes"] == exact["bytes"] - exact["removed_bytes"]
    assert noted["bytes"] == minhash["bytes"] - minhash["removed_bytes"]
    for entry in report["entries"]:
        assert entry["removed_documents"] > 0
        pairs = entry["removed_by_sources"]
        assert sum(pair["documents"] for pair in pairs) == entry["removed_documents"]
        assert sum(pair["bytes"] for pair in pairs) == entry["removed_bytes"]
        assert sum(entry["cluster_sizes"].values()) == entry["clusters"]
    for entry in (minhash, noted):
        assert entry["rejected_pairs"] == entry["compared_pairs"] - entry["verified_pairs"]
        in_clusters = entry["clusters"] + entry["removed_documents"]
        assert entry["rejected_candidate_documents"] == entry["candidate_documents"] - in_clusters
        assert sum(b["copies"] for b in entry["s_curve"]["bins"]) == entry["removed_documents"]
    assert minhash["rejected_candidate_documents"] > 0


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_tells_them_and_keeps_to_the_width(work: Work, root: Path, width: int) -> None:
    recipe = read_recipe(root / "mix.yaml")
    table = read_report(work, recipe).table(width)
    assert [line for line in table.splitlines() if display_width(line) > width] == []
    report = json.loads((work.dedup / "report.json").read_text())
    gone = sum(entry["removed_documents"] for entry in report["entries"][:2])
    overview = table.split("\n\n")[1]
    rows = {line.split("  ")[0]: line for line in overview.splitlines()}
    for entry in report["entries"]:
        name = f"{entry['entry']} {entry['method']}"
        name += " (notes)" if entry["entry"] == 3 else ""
        removed = f"{entry['removed_documents']:,}"
        numbers = f"{entry['documents']:,} " + (f"({removed})" if entry["entry"] == 3 else removed)
        assert numbers in " ".join(rows[name].split())
    assert f"{report['documents']:,} {gone:,} " in " ".join(rows["all that remove"].split())
    assert "as theory says, within chance" in table
    assert "removed from" in table
    assert "peak MB" in table
    assert "tokens a byte of their source, as in a small sample" in table


def test_one_entry_or_method(root: Path) -> None:
    table = told(root, "mix.yaml", "--method", "minhash")
    assert "\n2 minhash  bands 30, rows 3, verify 0.7\n" in table
    assert "\n3 minhash  bands 50" in table
    assert "\n1 exact  " not in table.split("\n\n", 2)[2]
    only = json.loads(told(root, "--work", "work/demo", "--entry", 2, "--json"))
    assert [entry["entry"] for entry in only["entries"]] == [2]
    for arguments, line in (
        (("--method", "minihash"), "has no entry 'minihash' (did you mean 'minhash'?)"),
        (("--entry", 9), "has no entry 9 (known: 1, 2, 3)"),
        (("--entry", 1, "--method", "minhash"), "entry 1 of"),
    ):
        error = dolma_pipe(root, "dedup", "report", "mix.yaml", *arguments, code=1).stderr
        assert line in error
        assert error.count("\n") == 1


def test_what_is_missing_is_one_line(root: Path, work: Work) -> None:
    dolma_pipe(root, "dedup", "report", code=2)
    error = dolma_pipe(root, "dedup", "report", "--work", "nowhere", code=1).stderr
    assert error == (
        "dolma-pipe: nothing is deduplicated in nowhere: run dolma-pipe dedup RECIPE\n"
    )
    work.record("dedup", "all").unlink()  # as a run that was killed leaves it
    error = dolma_pipe(root, "dedup", "report", "mix.yaml", code=1).stderr
    assert "has not ended: run it again" in error


def test_a_recipe_may_be_called_like_a_command(root: Path) -> None:
    shutil.copy(root / "mix.yaml", root / "report")
    shutil.rmtree(root / "work")
    dolma_pipe(root, "dedup", "./report", "--method", "exact", "--workers", 1)
    dolma_pipe(root, "dedup", "--method", "exact", "mix.yaml")  # done: options may come first
    entries = json.loads(told(root, "./report", "--json"))["entries"]
    assert [entry["method"] for entry in entries] == ["exact"]


def test_entries_that_did_not_run_are_told(root: Path) -> None:
    assert "entries ran" not in told(root, "mix.yaml")
    assert "entries ran" not in dolma_pipe(root, "status", "mix.yaml").stdout
    dolma_pipe(root, "dedup", "mix.yaml", "--method", "exact", "--workers", 1)
    some = "1 of 3 entries ran (--method exact)"
    assert told(root, "mix.yaml").splitlines()[1] == some
    assert f"tasks recorded: {some}\n" in dolma_pipe(root, "status", "mix.yaml").stdout


def test_times_are_those_of_the_run_that_made_the_report(root: Path, work: Work) -> None:
    times = read_dedup_times(work)
    assert times is not None
    names = [phase.name for phase in times.phases]
    assert "dedup 1 exact: shuffle shard" in names
    assert "dedup 3 minhash: count bands" in names
    assert all(phase.peak_bytes > 10 << 20 for phase in times.phases)
    assert all(phase.tasks > 0 and phase.seconds >= 0 for phase in times.phases)
    before = work.dedup_times.read_bytes()
    dolma_pipe(root, "run", "mix.yaml", "--stage", "dedup", "--workers", 1)  # does nothing, sweeps
    assert work.dedup_times.read_bytes() == before
    assert read_dedup_times(work) == times
    stale = json.loads(before) | {"fingerprint": "another"}
    work.dedup_times.write_text(json.dumps(stale))
    assert read_dedup_times(work) is None
    assert "times: not known" in told(root, "mix.yaml")


def test_phases_are_sums_and_the_largest_peak() -> None:
    def task(name: str, seconds: float, peak: int, of: str = "task") -> dict[str, Any]:
        return {
            "pass": name,
            "seconds": seconds,
            "cpu_seconds": seconds / 2,
            "peak_bytes": peak,
            "peak_of": of,
        }

    timings = [task("a", 1, 5), task("a", 2, 9), task("b", 4, 7, "worker"), task("b", 1, 3)]
    assert phases_of(timings) == [
        Phase("a", 2, 3.0, 1.5, 9, "task"),
        Phase("b", 2, 5.0, 2.5, 7, "worker"),
    ]


def test_tokens_are_counted_where_they_are_encoded_and_sampled_elsewhere(
    root: Path, work: Work
) -> None:
    recipe = read_recipe(root / "mix.yaml")
    keys = ["web/a", "web/b", "wiki/a", "wiki/b"]
    assert token_rates(work, keys, None) == Rates({}, None, "the recipe cannot be read")
    sampled = token_rates(work, keys, recipe)
    assert (sampled.origin, set(sampled.by_source)) == ("sample", {"web", "wiki"})
    assert token_rates(work, keys, recipe) == sampled
    dolma_pipe(root, "run", "mix.yaml", "--workers", 1)
    encoded = token_rates(work, keys, None)
    assert encoded.origin == "encoded"
    manifest = json.loads((work.tokens / "manifest.json").read_text())
    kept = {
        flow["source"]: flow for flow in manifest["counts"]["flows"] if flow["stage"] == "dedup"
    }
    for source, rate in encoded.by_source.items():
        size = kept[source]["bytes_out"]
        tokens = sum(
            json.loads(work.record("encode", key).read_text())["counts"]["tokens"]
            for key in keys
            if key.startswith(f"{source}/")
        )
        assert rate == pytest.approx(tokens / size)
        assert sampled.by_source[source] == pytest.approx(rate, rel=0.2)
    told_json = json.loads(told(root, "mix.yaml", "--json"))["estimated_tokens"]
    assert told_json["counted_in"] == "encoded"
    assert told_json["removed"][0]["tokens"] > 100


def test_why_there_are_no_tokens_is_told_below_the_table(root: Path) -> None:
    recipe = root / "mix.yaml"
    assert "tokens: the recipe" not in told(root, "mix.yaml")
    recipe.write_text(RECIPE.replace("tokenize: {tokenizer: tokenizer.json}\n", ""))
    overview = told(root, "mix.yaml").split("\n\n")[1]
    assert overview.splitlines()[-1] == "tokens: the recipe has no tokenize section"


def with_cuts(work: Work) -> dict[str, Any]:
    """The report, as if entries 1 and 3 had cut 3,000 bytes out of 2 documents of web."""
    report: dict[str, Any] = json.loads((work.dedup / "report.json").read_text())
    cut = {"source": "web", "documents": 2, "bytes": 3000}
    for entry in (report["entries"][0], report["entries"][2]):
        entry |= {"cut_documents": 2, "cut_bytes": 30_000, "cut_by_sources": [cut]}
    return report


def test_tokens_of_cuts_stand_apart_and_notes_in_brackets(work: Work) -> None:
    report = with_cuts(work)
    rates = Rates({"web": 0.5, "wiki": 0.5}, "sample")
    table = dedup_table(report, "work", rates, None, report["entries"], 100)
    rows = {line.split("  ")[0]: line.split() for line in table.split("\n\n")[1].splitlines()}
    exact, _, noted = report["entries"]
    tokens = round(exact["removed_bytes"] * 0.5)
    assert rows["1 exact"][-4:] == [f"{tokens:,}", f"{exact['clusters']:,}", "2", "0.03"]
    assert rows["3 minhash (notes)"][-3:] == [f"{noted['clusters']:,}", "(2)", "(0.03)"]
    assert f"({noted['removed_documents']:,})" in rows["3 minhash (notes)"]
    assert re.search(r"\bweb +2 +0\.00 +1,500\b", table)
    assert (removed_tokens(exact, rates), cut_tokens(exact, rates)) == (tokens, 1500)


def test_a_curve_of_few_pairs_tells_nothing(work: Work) -> None:
    report = json.loads((work.dedup / "report.json").read_text())
    entry = report["entries"][1]
    a_bin = entry["s_curve"]["bins"][0] | {"pairs": 1, "found": 0.0, "expected_found": 0.936}
    entry["s_curve"] |= {"pairs": 1, "bins": [a_bin], "recall": 0.0, "pairs_through_others": 0}
    few = "\n".join(curve_block(entry))
    assert few.endswith("\n1 pair looked at: too few pairs to tell")
    assert few.splitlines()[2].split()[-2:] == ["-", "-"]
    assert "%" not in few
    a_bin["pairs"] = entry["s_curve"]["pairs"] = 5
    enough = "\n".join(curve_block(entry))
    assert enough.endswith("\n5 pairs looked at: as theory says, within chance")
    assert enough.splitlines()[2].split()[-2:] == ["0.0%", "93.6%"]


def test_a_source_of_which_nothing_is_left_has_the_mean() -> None:
    assert _rates({"a": _Count(30, 100), "b": _Count(0, 0), "c": _Count(20, 100)}) == {
        "a": 0.3,
        "b": 0.25,
        "c": 0.2,
    }


def clusters_of(work: Work, entry: int) -> list[list[str]]:
    rows = pq.read_table(work.dedup / "removed.parquet").to_pylist()
    by_kept: dict[str, list[str]] = {}
    for row in rows:
        if row["entry"] == entry:
            by_kept.setdefault(row["kept_id"], []).append(row["removed_id"])
    return sorted(([kept, *gone] for kept, gone in by_kept.items()), key=len, reverse=True)


def test_the_largest_clusters_are_found(work: Work) -> None:
    expected = clusters_of(work, 2)
    found = largest_removed(work, 2, 4)
    assert [one.size for one in found] == [len(one) for one in expected[:4]]
    by_kept = {one[0]: one[1:] for one in expected}
    for one in found:
        assert {copy.name for copy in one.copies} <= set(by_kept[one.kept.name])
        assert sum(one.sources.values()) == one.size - 1
        alike = [copy.similarity for copy in one.copies]
        assert alike == sorted(alike, key=lambda s: 2.0 if s is None else s)
    assert largest_removed(work, 9, 4) == []


def test_clusters_of_notes_are_those_that_would_go(work: Work) -> None:
    report = json.loads((work.dedup / "report.json").read_text())["entries"][2]
    found = largest_noted(work, 3, 1000)
    assert len(found) == report["clusters"]
    assert sum(one.size - 1 for one in found) == report["removed_documents"]
    assert all(one.copies for one in found)
    assert [one.size for one in largest_noted(work, 3, 2)] == [one.size for one in found[:2]]


def test_texts_of_clusters_show_differences_and_harm_no_terminal(root: Path) -> None:
    shown = told(root, "mix.yaml", "--clusters", 30)
    assert "entry 1, exact, cluster 1 of 20: 2 documents, copies in web 1" in shown
    assert "the same but for white space" in shown
    assert re.search(r"\[-\S+-\] \{\+changed\d\+\}", shown)
    assert "[-first \\x1b[2J\\x1b]0;owned\\x07 \\u202egnp \\x9b31m" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert "entry 3, minhash (only notes), cluster 1" in shown
    assert " words] " in shown


def test_colours_only_where_asked_for(work: Work) -> None:
    report = json.loads((work.dedup / "report.json").read_text())
    entry = report["entries"][1]
    plain = list(cluster_texts(work, report, entry, 40, 80, colour=False))
    coloured = list(cluster_texts(work, report, entry, 40, 80, colour=True))
    assert "\x1b[32m{+" in "".join(coloured)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain
    assert "\x1b" not in "".join(plain)


def cut_first_row(work: Work) -> None:
    """As an entry that edits would have left it: bytes 8 to 60 of the first document of web/a."""
    for key in ("web/a", "web/b", "wiki/a", "wiki/b"):
        documents = work.removed(key).stat().st_size
        rows = np.array([0] if key == "web/a" else [], np.int64)
        cuts = cuts_of(rows, np.full(len(rows), 8), np.full(len(rows), 60), documents)
        write_cuts(work.cuts(key), cuts)
    mask = np.fromfile(work.removed("web/a"), np.uint8)
    mask[0] = 0
    mask.tofile(work.removed("web/a"))


def test_cuts_are_shown_in_context(work: Work) -> None:
    cut_first_row(work)
    words = corpus()["web"][0]
    lines = list(cut_texts(work, 3, 300, colour=False))
    assert lines[1].startswith("  web/a row 0: 52 of ")
    assert lines[2].split("-]")[0].split("[-")[1].replace(" ", "") == words[8:60].replace(" ", "")
    assert list(cut_texts(Work("nowhere"), 3, 80, colour=False)) == []


def test_a_long_cut_is_one_stretch() -> None:
    words = [f"w{i}" for i in range(600)]
    text = " ".join(["before", *words, "after"]).encode()
    told = " ".join(marked(_with_cuts(text, [(7, len(text) - 6)]), 500, colour=False))
    assert told.startswith("before [-w0 ")
    assert told.endswith(" w599-] after")
    assert " w24 ... 550 words ... w575 " in told


def note(work: Work, key: str, **row: Any) -> None:
    """One more annotation of entry 3."""
    made = dict.fromkeys(ANNOTATIONS.names) | {"entry": 3, "method": "minhash"} | row
    table = pq.read_table(work.annotations(key))
    more = pa.Table.from_pylist([made], schema=ANNOTATIONS)
    pq.write_table(pa.concat_tables([table, more]), work.annotations(key))


def test_notes_of_cuts_and_of_documents_alone_are_shown(work: Work) -> None:
    note(work, "web/a", row=0, id="web-0", verdict="cut", stretches=[{"start": 0, "end": 7}])
    note(work, "web/a", row=1, id="web-1", verdict="copy")
    report = json.loads((work.dedup / "report.json").read_text())
    shown = "\n".join(cluster_texts(work, report, report["entries"][2], 2, 100, colour=False))
    assert "entry 3, minhash (only notes): would go without regard to another document" in shown
    assert "  web/a row 0: 7 of " in shown
    assert f"[-{corpus()['web'][0][:7].rstrip()}" in shown
    report["entries"][0]["cut_bytes"] = report["entries"][1]["cut_bytes"] = 9
    cut_first_row(work)  # entries before it have cut, none after it
    shown = "\n".join(cluster_texts(work, report, report["entries"][2], 2, 100, colour=False))
    assert "  web/a row 0: 7 of " in shown
    report["entries"].append(report["entries"][0] | {"entry": 4})
    shown = "\n".join(cluster_texts(work, report, report["entries"][2], 2, 100, colour=False))
    assert "not shown" in shown


def test_a_count_that_nobody_knows_is_told_in_a_readable_way(work: Work) -> None:
    report = json.loads((work.dedup / "report.json").read_text())
    report["entries"] = report["entries"][:1]
    report["entries"][0] |= {
        "false_positive_rate": 0.0123456,
        "embedding_model": "mini\x1b[2J",
        "evaluations": [
            {
                "documents": 1234,
                "examples": [{"id": "x"}],
                "name": "gsm8k",
                "score": 0.87654321,
                "inner": {"a": 1},
            },
            {"name": "mmlu", "documents": 7, "extra": None},
        ],
        "by_language": {"python": {"files": 10, "failed": 1}, "c": {"files": 2000}},
        "histogram": {"0": 1, "1": 2},
        "empty": [],
        "bands": 20,
    }
    table = dedup_table(report, "work", Rates({}, None), None, report["entries"], 100)
    for line in (
        "bands 20",
        "false positive rate 0.01235",
        "embedding model mini\\x1b[2J",
        "histogram 0 1, histogram 1 2",
    ):
        assert line in " ".join(table.split())
    cells = [line.split() for line in table.splitlines()]
    assert any(c[:4] == ["name", "documents", "score", "inner"] for c in cells)
    assert any(c[:4] == ["gsm8k", "1,234", "0.8765", '{"a":1}'] for c in cells)
    assert any(c[-4:] == ["c", "2,000", "-"][:3] or c[-3:] == ["c", "2,000", "-"] for c in cells)


def test_settings_are_those_that_differ(root: Path) -> None:
    entries = read_recipe(root / "mix.yaml").dedup
    assert [settings_told(msgspec.to_builtins(entry), type(entry)) for entry in entries] == [
        "prefer [wiki]",
        "bands 30, rows 3, verify 0.7",
        "bands 50, rows 2, verify 0.3, action annotate",
    ]
    assert settings_told({"method": "x", "of": 1, "gone": None}, None) == "of 1, gone null"
    passes = dolma_pipe(root, "check", "mix.yaml").stdout
    assert "\n  1 exact prefer [wiki]\n  2 minhash bands 30, rows 3, verify 0.7\n" in passes


def test_the_end_table_tells_entries_and_peaks(root: Path) -> None:
    table = dolma_pipe(root, "dedup", "mix.yaml", "--force", "--workers", 1).stdout
    assert re.search(r"exact \d+", table)
    assert re.search(r"minhash \(2\) \d+", table)
    assert "minhash (3)" not in table  # it only notes
    assert re.search(r"\ndedup     2 minhash +\d+ +\d+\.\d\d +\d+\.\d\d +\d+ ", table)
    assert "dolma-pipe dedup report mix.yaml" in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_a_tiny_cut_is_told_in_bytes() -> None:
    told = [
        table_told(
            Summary("demo", [], [Flow("dedup", "web", 2, 2, 99, 9, {}, cut)], [], [], {}, {})
        )
        for cut in (40, 10_000)
    ]
    assert "cut out of the rest 40 B" in told[0]
    assert "cut out of the rest 0.01 MB" in told[1]


def test_explain_tells_notes_cuts_and_who_went_alone(root: Path, work: Work) -> None:
    recipe = read_recipe(root / "mix.yaml")
    noted = largest_noted(work, 3, 1)[0]
    [first] = explain(recipe, work, noted.kept.name)
    assert [(n.entry, n.verdict, n.rank) for n in first.notes] == [(3, "first", 0)]
    assert f"which only notes: first of {noted.size} copies" in explain_table([first])
    [copy] = explain(recipe, work, noted.copies[0].name)
    assert copy.notes[0].first_id == noted.kept.name
    assert f"a copy of {noted.kept.name} of" in explain_table([copy])
    cut_first_row(work)
    note(work, "web/a", row=0, id="web-0", verdict="cut", stretches=[{"start": 0, "end": 7}])
    note(work, "web/a", row=0, id="web-0", verdict="copy")
    removed = pq.read_table(work.dedup / "removed.parquet")
    others = [row for row in removed.to_pylist() if row["removed_id"] != "web-0"]
    pq.write_table(pa.Table.from_pylist(others, removed.schema), work.dedup / "removed.parquet")
    [found] = explain(recipe, work, "web-0")
    assert [(cut.start, cut.end) for cut in found.cuts] == [(8, 60)]
    shown = explain_table([found])
    assert f"cut     8-60: {corpus()['web'][0][:8]}>>>" in shown
    assert "52 bytes cut out of it" in shown
    assert "would cut 7 bytes in 1 stretch" in shown
    assert "would go without regard to another document" in shown
    alone = others[0] | {name: None for name in others[0] if name.startswith("kept_")}
    rows = [*others, alone | {"removed_id": "web-0", "removed_shard": "web/a", "removed_row": 0}]
    pq.write_table(pa.Table.from_pylist(rows, removed.schema), work.dedup / "removed.parquet")
    [found] = explain(recipe, work, "web-0")
    assert found.cuts == []
    assert "(exact), without regard to another document" in explain_table([found])
    report = json.loads((work.dedup / "report.json").read_text())
    lines = list(cluster_texts(work, report, report["entries"][0], 1, 80, colour=False))
    assert "entry 1, exact: went without regard to another document" in lines
