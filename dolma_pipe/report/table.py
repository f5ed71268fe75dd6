"""The table at the end of a run."""

import textwrap
from collections.abc import Iterator, Sequence

from dolma_pipe.report.summary import PassTime, Summary

WIDTH = 80
HEADS = {"over_budget": "unused", "held_out": "held out"}
JOINED = "\N{NO-BREAK SPACE}"
"""Between a rule and its number, until lines are broken."""


def told(summary: Summary, times: Sequence[PassTime] = ()) -> str:
    """Documents and megabytes in and out by stage and source, drops by rule, the mix, the times."""
    lines = [*_flows(summary), *_intake(summary)]
    if summary.mix:
        lines += ["", *_mix(summary)]
    if times:
        lines += ["", *_times(times)]
    lines += [f"note: {note}" for note in summary.notes]
    lines += [f"DAMAGED {uri}: {reason}" for uri, reason in summary.damaged.items()]
    lines += [f"FAILED {key}: {reason}" for key, reason in summary.failed.items()]
    return "\n".join(lines)


def _flows(summary: Summary) -> Iterator[str]:
    head = " ".join(f"{name:>10}" for name in ("docs in", "docs out", "MB in", "MB out"))
    yield f"{'stage':9} {'source':14} {head}"
    for flow in summary.flows:
        yield (
            f"{flow.stage:9} {flow.source:14} {flow.documents_in:10,} {flow.documents_out:10,} "
            f"{flow.bytes_in / 1e6:10.2f} {flow.bytes_out / 1e6:10.2f}"
        )
        most = sorted(flow.dropped.items(), key=lambda item: (-item[1], item[0]))
        reasons = [f"{rule} {number:,}" for rule, number in most if number]
        reasons += [f"cut out of the rest {_size(flow.cut_bytes)}"] if flow.cut_bytes else []
        told = ", ".join(reason.replace(" ", JOINED) for reason in reasons)
        for line in textwrap.wrap(told, WIDTH - 10, break_on_hyphens=False):
            yield f"{'':10}{line.replace(JOINED, ' ')}"


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 10_000 else f"{size:,} B"


def _intake(summary: Summary) -> Iterator[str]:
    """Sources with bad or repaired lines, and what was masked."""
    for row in summary.intake:
        if row.quarantined:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted(row.reasons.items()))
            yield f"quarantined {row.source}: {row.quarantined:,} of {row.lines:,} lines: {reasons}"
        if row.repaired:
            yield f"repaired {row.source}: {row.repaired:,} lines"
        if row.masked_documents:
            spans = ", ".join(
                f"{column} {n:,}" for column, n in sorted(row.masked_spans.items()) if n
            )
            yield f"masked {row.source}: {row.masked_documents:,} documents: {spans}"


def _mix(summary: Summary) -> Iterator[str]:
    """held out is told where there is any."""
    fields = ["encoded", "used", "discarded", "over_budget", "held_out", "repeats", "output"]
    if not any(row.held_out for row in summary.mix):
        fields.remove("held_out")
    width = max(8, *(len(row.source) for row in summary.mix))
    names = [HEADS.get(field, field) for field in fields]
    yield f"{'tokens':{width}} " + " ".join(f"{name:>10}" for name in names) + " share"
    for row in summary.mix:
        numbers = " ".join(f"{getattr(row, field):10,}" for field in fields)
        yield f"{row.source:{width}} {numbers} {row.share:5.1%}"


def _times(times: Sequence[PassTime]) -> Iterator[str]:
    width = max(12, *(len(row.source) for row in times))
    yield (
        f"{'pass':9} {'source':{width}} {'tasks':>7} {'seconds':>9} {'CPU s':>9} "
        f"{'peak MB':>8} {'MB/s a worker':>14}"
    )
    for row in times:
        rate = f"{row.megabytes_a_second:14.1f}" if row.megabytes_a_second else f"{'-':>14}"
        yield (
            f"{row.name:9} {row.source:{width}} {row.tasks:7,} {row.worker_seconds:9.2f} "
            f"{row.cpu_seconds:9.2f} {row.peak_bytes / 1e6:8,.0f} {rate}"
        )
