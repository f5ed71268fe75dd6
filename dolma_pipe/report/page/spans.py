"""Columns of spans, as those of personal information: how many there are, masked, and examples."""

from collections.abc import Iterator

import numpy as np

from dolma_pipe.report.page.excerpts import Draft, choice_of
from dolma_pipe.report.page.model import SpanCount
from dolma_pipe.report.page.sample import Sample, spans_of, spread
from dolma_pipe.report.summary import Summary

EXAMPLES = 3
"""Of a column of a source, evenly from those that stayed, if there are any."""


def drafts_of(sample: Sample, summary: Summary) -> Iterator[Draft[SpanCount]]:
    """Every column of spans that is stored of a source; the number of masked spans is exact."""
    source = sample.source
    masked = {mask.column for mask in source.masks}
    intake = next((row for row in summary.intake if row.source == source.name), None)
    for column in sorted(name for name, kind in sample.columns.items() if kind == "spans"):
        each = [np.diff(spans_of(group, column).offsets) for group in sample.groups]
        counts = np.concatenate([np.zeros(0, np.int64), *each])
        there = np.flatnonzero((counts > 0) & sample.legible)
        stayed = there[sample.kept[there]]
        rows = spread((stayed if len(stayed) else there).tolist(), EXAMPLES)
        panel = SpanCount(
            source=source.name,
            column=column,
            documents=int((counts > 0).sum()),
            spans=int(counts.sum()),
            sampled=int(sample.scored(column).sum()),
            masked=intake.masked_spans.get(column, 0) if intake and column in masked else None,
            hidden=column in sample.hidden,
            examples=(),
        )
        choices = [choice_of(sample, row, float(counts[row]), (column,)) for row in rows]
        yield Draft(panel, tuple(choices))
