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
    if any(row.unknown.documents for one in sweep.sources for row in one.thresholds):
        lines += [
            "",
            "unknown: not scored to the end, a rule had dropped them; dolma-pipe tag --all does",
        ]
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
    names = ("alone", "MB", "with all", "MB", "change", "unknown")
    yield f"  {'at':>12} " + " ".join(f"{name:>10}" for name in names)
    yield _row("as it is", swept.present, None)
    for threshold in swept.thresholds:
        yield _row(f"{threshold.at:g}", threshold, threshold.change)
    for border in swept.borders:
        yield from _border(border)


def _row(name: str, row: Threshold, change: int | None) -> str:
    told = "" if change is None else f"{change:+,}"
    return (
        f"  {name:>12} {row.alone.documents:10,} {row.alone.bytes / 1e6:10.2f} "
        f"{row.together.documents:10,} {row.together.bytes / 1e6:10.2f} {told:>10} "
        f"{row.unknown.documents:10,}"
    )


def _border(border: Border) -> Iterator[str]:
    for name, examples in (("kept", border.inside), ("dropped", border.outside)):
        for example in examples:
            yield (
                f"  {border.at:g} {name:8} {example.value:>10g}  {harmless(example.id)}  "
                f"{excerpt(example.text, TEXT)}"
            )
