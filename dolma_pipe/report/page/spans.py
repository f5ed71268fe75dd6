"""Columns of spans, as those of personal information: how many there are, masked, and examples."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64
from dolma_pipe.report.page.excerpts import Choice, Shown, example_of
from dolma_pipe.report.page.hidden import hidden_columns
from dolma_pipe.report.page.model import SpanCount
from dolma_pipe.report.page.sample import Sample, spans_of, spread
from dolma_pipe.report.summary import Summary

EXAMPLES = 3
"""Of a column of a source, evenly from those that stayed, if there are any."""


class Draft(NamedTuple):
    """A column of spans of one source. counts: int64[documents of the sample]; hidden: as
    SpanCount."""

    sample: Sample
    column: str
    counts: I64
    hidden: bool
    choices: tuple[Choice, ...]


def drafts_of(sample: Sample) -> Iterator[Draft]:
    """Every column of spans that is stored of a source."""
    hidden = hidden_columns(sample)
    for column, kind in sorted(sample.columns.items()):
        if kind == "spans":
            counts = [np.diff(spans_of(group, column).offsets) for group in sample.groups]
            joined = np.concatenate(counts) if counts else np.zeros(0, np.int64)
            there = np.flatnonzero((joined > 0) & sample.legible)
            stayed = there[sample.kept[there]]
            rows = spread((stayed if len(stayed) else there).tolist(), EXAMPLES)
            chosen = [
                Choice(sample.source, place, float(joined[row]), True, (column,), hidden)
                for row, place in zip(rows, sample.places(rows), strict=True)
            ]
            yield Draft(sample, column, joined, column in hidden, tuple(chosen))


def count_of(draft: Draft, summary: Summary, shown: Shown) -> SpanCount:
    """As the page shows it; the number of masked spans is exact."""
    source = draft.sample.source
    masked = {mask.column for mask in source.masks}
    intake = next((row for row in summary.intake if row.source == source.name), None)
    return SpanCount(
        source=source.name,
        column=draft.column,
        documents=int((draft.counts > 0).sum()),
        spans=int(draft.counts.sum()),
        sampled=int(draft.sample.scored(draft.column).sum()),
        masked=intake.masked_spans.get(draft.column, 0)
        if intake and draft.column in masked
        else None,
        hidden=draft.hidden,
        examples=tuple(example_of(choice, shown) for choice in draft.choices),
    )
