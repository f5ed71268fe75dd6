"""The answer of `dolma-pipe compare` on a terminal."""

from collections.abc import Iterator

from dolma_pipe.report.comparison.changes import by_setting
from dolma_pipe.report.comparison.model import Comparison
from dolma_pipe.report.layout import shortened, table
from dolma_pipe.report.terminal import harmless

SETTING = 34
"""Columns of a changed setting."""
FATES = 30
"""Pairs of fates that are told, the largest; all are in JSON."""


def comparison_table(told: Comparison) -> Iterator[str]:
    """What was edited, what moved in each source, the largest groups of documents that did."""
    yield f"A {told.a.place}, B {told.b.place}"
    yield ""
    yield from _changes(told)
    yield ""
    head = ("source", "stayed", "entered", "left", "in neither")
    rows = [(m.source, m.stayed, m.entered, m.left, m.neither) for m in told.moved]
    yield from table(head, [(name, *(f"{n:,}" for n in counts)) for name, *counts in rows])
    differ = [t for t in told.transitions if t.before != t.after]
    if differ:
        yield ""
        yield from table(
            ("source", "in A", "in B", "documents", "MB"),
            [
                (t.source, t.before, t.after, f"{t.documents:,}", f"{t.bytes / 1e6:.2f}")
                for t in differ[:FATES]
            ],
            left=3,
        )
    if len(differ) > FATES:
        yield f"and {len(differ) - FATES:,} more pairs, smaller: --json"


def _changes(told: Comparison) -> Iterator[str]:
    if not told.changes:
        yield "the same recipe, version and models"
        return
    rows = [
        (
            one.place,
            shortened(", ".join(one.sources), SETTING),
            _short(one.before),
            _short(one.after),
        )
        for one in by_setting(told.changes)
    ]
    yield from table(("changed", "of", "in A", "in B"), rows, left=4)


def _short(setting: str | None) -> str:
    return "-" if setting is None else shortened(harmless(setting), SETTING)
