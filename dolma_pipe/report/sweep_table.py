"""The answer of `dolma-pipe sweep` as a table."""

from collections.abc import Iterator

from dolma_pipe.report.terminal import excerpt, harmless
from dolma_pipe.report.thresholds import Border, Sweep, Swept, Threshold

TEXT = 60


def sweep_table(sweep: Sweep) -> str:
    """A block a source: a row a threshold, then the documents next to each."""
    lines = [f"{sweep.column}, {'least' if sweep.side == 'min' else 'most'} value that is kept"]
    for swept in sweep.sources:
        lines += ["", *_source(swept)]
    if any(one.not_scored or _unknown(one) for one in sweep.sources):
        told = "a rule had dropped them before; dolma-pipe tag --all scores all"
        lines += ["", f"not scored, or unknown: {told}"]
    if sweep.outdated:
        told = ", ".join(sweep.outdated)
        lines += ["", f"by other settings or an earlier version, tag again: {told}"]
    if sweep.untagged:
        first, more = sweep.untagged[0], len(sweep.untagged) - 1
        also = f" and {more:,} more" if more else ""
        lines += ["", f"not tagged yet, and not counted: {first}{also}"]
    return "\n".join(lines)


def _source(swept: Swept) -> Iterator[str]:
    yield f"{swept.source}: {swept.documents:,} documents, {swept.bytes / 1e6:.2f} MB"
    if swept.without_score:
        yield f"  {swept.without_score:,} have no score: every bound drops them"
    if swept.not_scored:
        yield f"  {swept.not_scored:,} were not scored"
    if swept.without_score + swept.not_scored == swept.documents:
        return
    names = ("alone", "MB", "with all", "MB", "change", "unknown")
    yield f"  {'at':>12} " + " ".join(f"{name:>10}" for name in names)
    yield _row("as it is", swept.present, "")
    for threshold in swept.thresholds:
        change = f"{threshold.change:+,}"
        if not threshold.change and threshold.unknown != swept.present.unknown:
            change = "unknown"
        yield _row(f"{threshold.at:g}", threshold, change)
    for border in swept.borders:
        yield from _border(border)


def _unknown(swept: Swept) -> int:
    return sum(row.unknown.documents for row in swept.thresholds)


def _row(name: str, row: Threshold, change: str) -> str:
    return (
        f"  {name:>12} {row.alone.documents:10,} {row.alone.bytes / 1e6:10.2f} "
        f"{row.together.documents:10,} {row.together.bytes / 1e6:10.2f} {change:>10} "
        f"{row.unknown.documents:10,}"
    )


def _border(border: Border) -> Iterator[str]:
    for name, examples in (("kept", border.inside), ("dropped", border.outside)):
        for example in examples:
            yield (
                f"  {border.at:g} {name:8} {example.value:>10g}  {harmless(example.id)}  "
                f"{excerpt(example.text, TEXT)}"
            )
