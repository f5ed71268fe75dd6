"""Blocks of the dedup report: who lost to whom, the S-curve, what each phase took."""

from collections.abc import Callable
from typing import Any

from dolma_pipe.passes.phases import DedupTimes, Phase
from dolma_pipe.report.dedup_counts import ROWS, has_curve, more_rows, value_told
from dolma_pipe.report.dedup_tokens import Rates
from dolma_pipe.report.layout import counted, table

FEWEST = 5
"""Pairs below which a part of them that was found says nothing."""
SHORTEST = 0.05
"""Seconds below which a phase has no speed."""


def pairs_block(entry: dict[str, Any], rates: Rates) -> list[str]:
    """Who lost documents to whom."""
    pairs = sorted(entry["removed_by_sources"], key=lambda pair: -pair["documents"])
    if not pairs:
        return []
    rows = []
    for pair in pairs[:ROWS]:
        tokens = _tokens(pair["removed"], pair["bytes"], rates)
        kept = pair["kept"] or "-"
        size = megabytes(pair["bytes"])
        rows.append((pair["removed"], kept, f"{pair['documents']:,}", size, tokens))
    notes = entry["settings"]["action"] == "annotate"
    names = ("copies in", "of one in") if notes else ("removed from", "for one of")
    return table((*names, "docs", "MB", "tokens"), rows, left=2) + more_rows(pairs)


def cuts_block(entry: dict[str, Any], rates: Rates) -> list[str]:
    rows = [
        (
            cut["source"],
            f"{cut['documents']:,}",
            megabytes(cut["bytes"]),
            _tokens(cut["source"], cut["bytes"], rates),
        )
        for cut in entry["cut_by_sources"]
    ]
    return table(("cut out of", "docs", "MB", "tokens"), rows) if rows else []


def _tokens(source: str, size: int, rates: Rates) -> str:
    rate = rates.by_source.get(source)
    return "-" if rate is None else f"{round(size * rate):,}"


def curve_block(entry: dict[str, Any]) -> list[str]:
    """The measured S-curve beside that of theory; without a measure theory alone."""
    if not has_curve(entry):
        return []
    head = f"{entry['bands']} bands of {entry['rows']} rows, middle {entry['curve_threshold']:.3g}"
    curve = entry.get("s_curve")
    if not curve or not curve["bins"]:
        told = entry["candidate_probability"]
        return [head, *table(("Jaccard", "found"), [(s, f"{p:.1%}") for s, p in told.items()])]
    rows = [
        (
            f"{value_told(one['jaccard'])}",
            f"{one['copies']:,}",
            f"{one['shared_bands']:.2f}",
            f"{one['expected_shared_bands']:.2f}",
            f"{one['standard_error']:.2f}",
            "-" if one["found"] is None or _too_few(one) else f"{one['found']:.1%}",
            "-" if _too_few(one) else f"{one['expected_found']:.1%}",
        )
        for one in curve["bins"]
    ]
    names = ("Jaccard", "copies", "shared bands", "theory", "+-", "found", "theory")
    lines = [head, *table(names, rows)]
    if curve["recall"] is not None and not _too_few(curve):
        theory = f"{curve['expected_recall']:.1%} by theory"
        lines.append(f"of such copies the bands find about {curve['recall']:.1%}, {theory}")
    verdict = "SEE BELOW" if curve["remarks"] else "as theory says, within chance"
    if _too_few(curve):
        verdict = "too few pairs to tell"
    others = curve["pairs_through_others"]
    through = f"; {others:,} more met through others" if others else ""
    return [*lines, f"{counted(curve['pairs'], 'pair', 'pairs')} looked at{through}: {verdict}"]


def _too_few(curve: dict[str, Any]) -> bool:
    """Of an S-curve, or one of its bins."""
    return bool(curve["pairs"] < FEWEST)


def phases_block(
    times: DedupTimes | None, chosen: Callable[[str], bool], entry: dict[str, Any] | None
) -> list[str]:
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


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f}"
