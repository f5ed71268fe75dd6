"""dedup/report.json as tables: what each entry found, removed and cut, and what that took."""

import textwrap
from collections.abc import Iterator
from typing import Any

from dolma_pipe.entries import METHODS
from dolma_pipe.passes.phases import DedupTimes
from dolma_pipe.report.dedup_blocks import (
    curve_block,
    cuts_block,
    megabytes,
    pairs_block,
    phases_block,
)
from dolma_pipe.report.dedup_counts import counts_told, only_some, tables_of_counts
from dolma_pipe.report.dedup_tokens import Rates
from dolma_pipe.report.layout import bars, beside, table
from dolma_pipe.report.settings import settings_told
from dolma_pipe.report.terminal import harmless


def dedup_table(
    report: dict[str, Any],
    place: str,
    rates: Rates,
    times: DedupTimes | None,
    entries: list[dict[str, Any]],
    width: int,
) -> str:
    """All of it, or (entries) some of the report's entries."""
    head = textwrap.wrap(_head(report, place), width, subsequent_indent="  ")
    head += [told] if (told := only_some(report)) else []
    for line in _indexed(report):
        head += textwrap.wrap(line, width, initial_indent="  ", subsequent_indent="  ")
    lines = [*head, "", *_overview(report, rates)]
    lines += textwrap.wrap(f"tokens: {harmless(rates.missing)}", width) if rates.missing else []
    for entry in entries:
        lines += ["", *_entry(entry, rates, times, width)]
    if len(entries) == len(report["entries"]):
        rest = phases_block(times, lambda name: not name.startswith(_entry_names(report)), None)
        lines += ["", "all entries", *_indented(rest)] if rest else []
    return "\n".join([*lines, "", *_notes(rates, times)]).rstrip()


def _head(report: dict[str, Any], place: str) -> str:
    whole, kept = report["documents"], report["kept"]
    read = report["entries"][0]["bytes"]
    left = read - sum(e["removed_bytes"] + e["cut_bytes"] for e in _removing(report))
    return (
        f"{place}: {whole:,} documents, {megabytes(read)} MB; "
        f"kept {kept:,} ({percent(kept, whole)}), {megabytes(left)} MB ({percent(left, read)})"
    )


def _indexed(report: dict[str, Any]) -> Iterator[str]:
    """What of the counts is of indexes, and what of the run itself."""
    old = report.get("indexed_documents")
    if not old or "kept_in_indexes" not in report:  # as of an earlier version
        return
    gone = report["gone_from_indexes"]
    back = report["changed_in_indexes"] - gone
    new, kept = report["documents"] - old, report["kept"] - report["kept_in_indexes"]
    again = f" and {back:,} come back" if back else ""
    yield f"new documents: {new:,}, kept {kept:,} ({percent(kept, new)})"
    yield (
        f"the other {old:,} are of an index, of which {gone:,} now go{again} "
        "(dedup/index_changes.parquet); all that follows counts both"
    )


def _removing(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for e in report["entries"] if e["settings"]["action"] == "remove"]


def _overview(report: dict[str, Any], rates: Rates) -> list[str]:
    """A row an entry, and what they take together."""
    cuts = any(entry["cut_bytes"] for entry in report["entries"])
    head = ["entry", "docs in", "removed", "", "MB", "", "tokens", "clusters"]
    head += ["docs cut", "MB cut"] if cuts else []
    rows = []
    for entry in report["entries"]:
        came, *went = _amounts(entry, rates)
        cut = [f"{entry['cut_documents']:,}", megabytes(entry["cut_bytes"])] if cuts else []
        name = entry_name(entry)
        if entry["settings"]["action"] == "annotate":
            name += " (notes)"
            went, cut = _in_brackets(went), _in_brackets(cut)
        rows.append([name, came, *went, f"{entry['clusters']:,}", *cut])
    removing = _removing(report)
    if len(removing) > 1:
        rows.append(_total(report, removing, rates, cuts=cuts))
    return table(head, rows)


def _in_brackets(cells: list[str]) -> list[str]:
    """What did not happen; parts of a whole stay as they are."""
    return [cell if cell == "-" or cell.endswith("%") else f"({cell})" for cell in cells]


def _total(
    report: dict[str, Any], removing: list[dict[str, Any]], rates: Rates, *, cuts: bool
) -> list[str]:
    whole = {
        "documents": report["documents"],
        "bytes": report["entries"][0]["bytes"],
        "removed_documents": sum(entry["removed_documents"] for entry in removing),
        "removed_bytes": sum(entry["removed_bytes"] for entry in removing),
        "removed_by_sources": [pair for e in removing for pair in e["removed_by_sources"]],
    }
    total = ["all that remove", *_amounts(whole, rates), ""]
    return total + (["", megabytes(sum(e["cut_bytes"] for e in removing))] if cuts else [])


def _amounts(entry: dict[str, Any], rates: Rates) -> list[str]:
    """Documents in; documents, megabytes and tokens removed, without cuts."""
    removed, size = entry["removed_documents"], entry["removed_bytes"]
    tokens = removed_tokens(entry, rates)
    return [
        f"{entry['documents']:,}",
        f"{removed:,}",
        percent(removed, entry["documents"]),
        megabytes(size),
        percent(size, entry["bytes"]),
        "-" if tokens is None else f"{tokens:,}",
    ]


def removed_tokens(entry: dict[str, Any], rates: Rates) -> int | None:
    """An estimate for the documents that the entry removed; None where a source has no rate."""
    lost = [(pair["removed"], pair["bytes"]) for pair in entry["removed_by_sources"]]
    return _tokens(lost, rates)


def cut_tokens(entry: dict[str, Any], rates: Rates) -> int | None:
    """The same for what it cut out of the rest."""
    return _tokens([(cut["source"], cut["bytes"]) for cut in entry["cut_by_sources"]], rates)


def _tokens(lost: list[tuple[str, int]], rates: Rates) -> int | None:
    if any(source not in rates.by_source for source, _ in lost) or not rates.by_source:
        return None
    return round(sum(float(size * rates.by_source[source]) for source, size in lost))


def _entry(
    entry: dict[str, Any], rates: Rates, times: DedupTimes | None, width: int
) -> Iterator[str]:
    settings = settings_told(entry["settings"], METHODS.get(entry["method"]))
    yield from textwrap.wrap(
        f"{entry_name(entry)}  {harmless(settings)}", width, subsequent_indent="  "
    )
    for line in counts_told(entry, width - 2):
        yield f"  {line}"
    blocks = [
        pairs_block(entry, rates),
        cuts_block(entry, rates),
        bars(entry["cluster_sizes"], "cluster", "clusters") if entry["clusters"] else [],
        *tables_of_counts(entry),
        curve_block(entry),
        phases_block(times, lambda name: name.startswith(_phase_prefix(entry)), entry),
    ]
    for line in beside(blocks, width - 2):
        yield f"  {line}".rstrip()
    for remark in entry.get("s_curve", {}).get("remarks", []):
        yield from textwrap.wrap(f"LOOK AT THE BANDS: {remark}", width, subsequent_indent="  ")


def _notes(rates: Rates, times: DedupTimes | None) -> Iterator[str]:
    if rates.origin is not None:
        way = "in encoded/" if rates.origin == "encoded" else "in a small sample of survivors"
        yield f"tokens: bytes x tokens a byte of their source, as {way}"
    if times is None:
        yield "times: not known of the run that made this report"
        return
    yield f"times: sums over workers; by the clock {times.seconds:,.1f} s"
    if any(phase.peak_of == "worker" for phase in times.phases):
        yield "peak MB: of a worker since it started; this system does not tell it by task"


def entry_name(entry: dict[str, Any]) -> str:
    return f"{entry['entry']} {entry['method']}"


def _phase_prefix(entry: dict[str, Any]) -> str:
    """As stages/dedup names the engine of an entry."""
    return f"dedup {entry_name(entry)}: "


def _entry_names(report: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_phase_prefix(entry) for entry in report["entries"])


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
