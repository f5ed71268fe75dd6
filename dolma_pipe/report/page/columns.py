"""Columns of numbers that no rule looks at: histograms, to choose thresholds by."""

from collections.abc import Mapping, Sequence

import numpy as np

from dolma_pipe.report.page.bins import bins_of, edges_of
from dolma_pipe.report.page.column_help import help_of
from dolma_pipe.report.page.model import ColumnPanel, SourceBins
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.report.summary import Summary

COLUMNS = 100
"""Of all sources together, the first by name."""
QUANTILES = (0.05, 0.5, 0.95)


def columns_of(samples: Sequence[Sample], summary: Summary) -> list[ColumnPanel]:
    """Each once, of the sources that have it without a rule."""
    names = sorted({column for sample in samples for column in sample.others})[:COLUMNS]
    documents = {row.source: row.documents for row in summary.intake}
    return [_panel(name, [s for s in samples if name in s.others], documents) for name in names]


def _panel(column: str, samples: Sequence[Sample], documents: Mapping[str, int]) -> ColumnPanel:
    found = {sample.source.name: sample.others[column] for sample in samples}
    every = np.concatenate(list(found.values()))
    known, edges = every[np.isfinite(every)], edges_of(every)
    return ColumnPanel(
        column=column,
        help=help_of(samples[0].source, column),
        quantiles=tuple(np.quantile(known, QUANTILES).tolist()) if len(known) else (),
        histograms=tuple(
            SourceBins(name, len(values), documents.get(name, 0), bins_of(values, edges))
            for name, values in found.items()
        ),
    )
