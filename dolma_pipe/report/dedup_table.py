"""dedup/report.json as tables: what each entry found, removed and cut, and what that took."""

import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS
from dolma_pipe.passes.phases import DedupTimes, Phase
from dolma_pipe.report.dedup_tokens import Rates
from dolma_pipe.report.layout import bars, beside, shortened, table
from dolma_pipe.report.settings import settings_told
from dolma_pipe.report.table import JOINED
from dolma_pipe.report.terminal import harmless

TOLD_ELSEWHERE = {
    *("entry", "method", "settings", "documents", "bytes", "cut_documents", "cut_bytes"),
    *("cluster_sizes", "removed_documents", "removed_bytes", "removed_by_sources"),
    *("biggest_clusters", "cut_by_sources", "clusters"),
}
"""What the table has a place for; all other counts of a method are told by their names."""

CURVE = ("bands", "rows", "curve_threshold", "candidate_probability", "s_curve")
"""What an entry with bands tells of them, all or nothing but the last."""

SHORTEST = 0.05
"""Seconds below which a phase has no speed."""
ROWS = 20
"""Of a table within the counts of a method."""
LONGEST = 40
"""Columns of a name or value there."""


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
    lines = [*head, "", *_overview(report, rates)]
    for entry in entries:
        lines += ["", *_entry(entry, rates, times, width)]
    if len(entries) == len(report["entries"]):
        rest = _phases(times, lambda name: not name.startswith(_entry_names(report)), None)
        lines += ["", "all entries", *_indented(rest)] if rest else []
    return "\n".join([*lines, "", *_notes(rates, times)]).rstrip()


def _head(report: dict[str, Any], place: str) -> str:
    whole, kept = report["documents"], report["kept"]
    read = report["entries"][0]["bytes"]
    left = read - sum(e["removed_bytes"] + e["cut_bytes"] for e in _removing(report))
    return (
        f"{place}: {whole:,} documents, {_megabytes(read)} MB; "
        f"kept {kept:,} ({_percent(kept, whole)}), {_megabytes(left)} MB ({_percent(left, read)})"
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
        noted = " (only notes)" if entry["settings"]["action"] == "annotate" else ""
        row = [_name(entry) + noted, *_amounts(entry, rates), f"{entry['clusters']:,}"]
        row += [f"{entry['cut_documents']:,}", _megabytes(entry["cut_bytes"])] if cuts else []
        rows.append(row)
    removing = _removing(report)
    if len(removing) > 1:
        rows.append(_total(report, removing, rates, cuts=cuts))
    return table(head, rows)


def _total(
    report: dict[str, Any], removing: list[dict[str, Any]], rates: Rates, *, cuts: bool
) -> list[str]:
    whole = {
        "documents": report["documents"],
        "bytes": report["entries"][0]["bytes"],
        "removed_documents": sum(entry["removed_documents"] for entry in removing),
        "removed_bytes": sum(entry["removed_bytes"] for entry in removing),
        "removed_by_sources": [pair for e in removing for pair in e["removed_by_sources"]],
        "cut_by_sources": [cut for e in removing for cut in e["cut_by_sources"]],
    }
    total = ["all that remove", *_amounts(whole, rates), ""]
    return total + (["", _megabytes(sum(e["cut_bytes"] for e in removing))] if cuts else [])


def _amounts(entry: dict[str, Any], rates: Rates) -> list[str]:
    """Documents in and removed, megabytes removed, tokens removed and cut."""
    removed, size = entry["removed_documents"], entry["removed_bytes"]
    tokens = removed_tokens(entry, rates)
    return [
        f"{entry['documents']:,}",
        f"{removed:,}",
        _percent(removed, entry["documents"]),
        _megabytes(size),
        _percent(size, entry["bytes"]),
        "-" if tokens is None else f"{tokens:,}",
    ]


def removed_tokens(entry: dict[str, Any], rates: Rates) -> int | None:
    """An estimate for all that the entry removed and cut; None where a source has no rate."""
    lost = [(pair["removed"], pair["bytes"]) for pair in entry["removed_by_sources"]]
    lost += [(cut["source"], cut["bytes"]) for cut in entry["cut_by_sources"]]
    if any(source not in rates.by_source for source, _ in lost) or not rates.by_source:
        return None
    return round(sum(float(size * rates.by_source[source]) for source, size in lost))


def _entry(
    entry: dict[str, Any], rates: Rates, times: DedupTimes | None, width: int
) -> Iterator[str]:
    settings = settings_told(entry["settings"], METHODS.get(entry["method"]))
    yield from textwrap.wrap(f"{_name(entry)}  {harmless(settings)}", width, subsequent_indent="  ")
    for line in _counts(entry, width - 2):
        yield f"  {line}"
    blocks = [
        _source_pairs(entry, rates),
        _cut_sources(entry),
        bars(entry["cluster_sizes"], "cluster", "clusters") if entry["clusters"] else [],
        *_other_tables(entry),
        _curve(entry),
        _phases(times, lambda name: name.startswith(_phase_prefix(entry)), entry),
    ]
    for line in beside(blocks, width - 2):
        yield f"  {line}".rstrip()
    for remark in entry.get("s_curve", {}).get("remarks", []):
        yield from textwrap.wrap(f"LOOK AT THE BANDS: {remark}", width, subsequent_indent="  ")


def _counts(entry: dict[str, Any], width: int) -> list[str]:
    """Every count that has no place of its own, as name and value."""
    told = []
    for name, value in _others(entry).items():
        if not _is_table(value):
            told.append(f"{_words(name)} {_value(value)}".replace(" ", JOINED))
    lines = textwrap.wrap(", ".join(told), width, break_on_hyphens=False)
    return [line.replace(JOINED, " ") for line in lines]


def _others(entry: dict[str, Any]) -> dict[str, Any]:
    """Counts that have no place of their own."""
    placed = TOLD_ELSEWHERE | set(CURVE if _has_curve(entry) else ())
    return {name: value for name, value in entry.items() if name not in placed}


def _has_curve(entry: dict[str, Any]) -> bool:
    return all(name in entry for name in CURVE[:-1])


def _is_table(value: Any) -> bool:
    """A dict or list of dicts."""
    inside = list(value.values()) if isinstance(value, dict) else value
    return isinstance(inside, list) and any(isinstance(one, dict) for one in inside)


def _other_tables(entry: dict[str, Any]) -> Iterator[list[str]]:
    """What a method tells by rows: of every dataset, of every language, ..."""
    for name, value in _others(entry).items():
        if not _is_table(value):
            continue
        rows = value
        if isinstance(value, dict):
            rows = [{"": key, **_row(told)} for key, told in value.items()]
        rows = [_row(row) for row in rows]
        head = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[_value(row.get(key)) for key in head] for row in rows[:ROWS]]
        head[0] = head[0] or _words(name)
        yield table([_words(key) for key in head], cells) + _more(rows)


def _more(rows: list[dict[str, Any]]) -> list[str]:
    """Below a table of the first ROWS."""
    return [f"and {len(rows) - ROWS:,} more"] if len(rows) > ROWS else []


def _row(told: Any) -> dict[str, Any]:
    return told if isinstance(told, dict) else {"value": told}


def _words(name: str) -> str:
    return shortened(harmless(name.replace("_", " ")), LONGEST)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shortened(harmless(told), LONGEST)


def _source_pairs(entry: dict[str, Any], rates: Rates) -> list[str]:
    """Who lost documents to whom."""
    pairs = sorted(entry["removed_by_sources"], key=lambda pair: -pair["documents"])
    if not pairs:
        return []
    rows = []
    for pair in pairs[:ROWS]:
        rate = rates.by_source.get(pair["removed"])
        tokens = "-" if rate is None else f"{round(pair['bytes'] * rate):,}"
        kept = pair["kept"] or "-"
        size = _megabytes(pair["bytes"])
        rows.append((pair["removed"], kept, f"{pair['documents']:,}", size, tokens))
    notes = entry["settings"]["action"] == "annotate"
    names = ("copies in", "of one in") if notes else ("removed from", "for one of")
    return table((*names, "docs", "MB", "tokens"), rows, left=2) + _more(pairs)


def _cut_sources(entry: dict[str, Any]) -> list[str]:
    rows = [
        (cut["source"], f"{cut['documents']:,}", _megabytes(cut["bytes"]))
        for cut in entry["cut_by_sources"]
    ]
    return table(("cut out of", "docs", "MB"), rows) if rows else []


def _curve(entry: dict[str, Any]) -> list[str]:
    """The measured S-curve beside that of theory; without a measure theory alone."""
    if not _has_curve(entry):
        return []
    head = f"{entry['bands']} bands of {entry['rows']} rows, middle {entry['curve_threshold']:.3g}"
    curve = entry.get("s_curve")
    if not curve or not curve["bins"]:
        told = entry["candidate_probability"]
        return [head, *table(("Jaccard", "found"), [(s, f"{p:.1%}") for s, p in told.items()])]
    rows = [
        (
            f"{_value(one['jaccard'])}",
            f"{one['copies']:,}",
            f"{one['shared_bands']:.2f}",
            f"{one['expected_shared_bands']:.2f}",
            f"{one['standard_error']:.2f}",
            "-" if one["found"] is None else f"{one['found']:.1%}",
            f"{one['expected_found']:.1%}",
        )
        for one in curve["bins"]
    ]
    names = ("Jaccard", "copies", "shared bands", "theory", "+-", "found", "theory")
    lines = [head, *table(names, rows)]
    if curve["recall"] is not None:
        theory = f"{curve['expected_recall']:.1%} by theory"
        lines.append(f"of such copies the bands find about {curve['recall']:.1%}, {theory}")
    verdict = "SEE BELOW" if curve["remarks"] else "as theory says, within chance"
    others = curve["pairs_through_others"]
    through = f"; {others:,} more met through others" if others else ""
    return [*lines, f"{curve['pairs']:,} pairs looked at{through}: {verdict}"]


def _phases(times: DedupTimes | None, chosen: Any, entry: dict[str, Any] | None) -> list[str]:
    """What each step took; MB/s: of the text that the entry found, a second of a worker."""
    phases = [phase for phase in times.phases if chosen(phase.name)] if times else []
    if not phases:
        return []
    rows = [_phase(phase, phase.name.rpartition(": ")[2], entry) for phase in phases]
    if len(phases) > 1:
        rows.append(_phase(_sum(phases), "together", entry))
    head = ["phase", "tasks", "seconds", "CPU s", "peak MB"]
    return table(head + (["MB/s"] if entry else []), rows)


def _sum(phases: list[Phase]) -> Phase:
    return Phase(
        "",
        sum(phase.tasks for phase in phases),
        sum(phase.seconds for phase in phases),
        sum(phase.cpu_seconds for phase in phases),
        max(phase.peak_bytes for phase in phases),
        "task",
    )


def _phase(phase: Phase, name: str, entry: dict[str, Any] | None) -> list[str]:
    row = [
        name,
        f"{phase.tasks:,}",
        f"{phase.seconds:.2f}",
        f"{phase.cpu_seconds:.2f}",
        f"{phase.peak_bytes / 1e6:,.0f}",
    ]
    if entry is not None:
        rate = entry["bytes"] / 1e6 / max(phase.seconds, 1e-9)
        told = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
        row.append(told if phase.seconds >= SHORTEST else "-")
    return row


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


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['entry']} {entry['method']}"


def _phase_prefix(entry: dict[str, Any]) -> str:
    """As stages/dedup names the engine of an entry."""
    return f"dedup {_name(entry)}: "


def _entry_names(report: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_phase_prefix(entry) for entry in report["entries"])


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
