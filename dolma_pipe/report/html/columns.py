"""Histograms of a column, by source or of all together; those of columns without a rule."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dolma_pipe.report.html.charts import histogram
from dolma_pipe.report.html.drawing import Chart, Told
from dolma_pipe.report.html.numbers import number
from dolma_pipe.report.page.model import Bins, ColumnPanel, Page, RulePanel


class Column(NamedTuple):
    """A column without a rule."""

    panel: ColumnPanel
    chart: Chart


def columns_of(page: Page, by_source: bool) -> list[Column]:
    """Those with a value."""
    return [
        Column(panel, chart)
        for panel in page.columns
        if (chart := _chart(panel, page.sources, by_source))
    ]


def _chart(panel: ColumnPanel, sources: Sequence[str], by_source: bool) -> Chart | None:
    if not panel.quantiles:
        return None
    quantiles = ", ".join(map(number, panel.quantiles))
    return binned(
        Told(panel.column, f"5, 50 and 95 % quantiles: {quantiles}"),
        {one.source: one.bins for one in panel.histograms},
        sources,
        by_source,
        value=value_of(panel.column),
    )


def value_of(column: str) -> str:
    """What an axis says: gopher.mean_word_length as "mean word length"."""
    return column.rpartition(".")[2].replace("_", " ")


def binned(
    told: Told,
    found: Mapping[str, Bins],
    sources: Sequence[str],
    by_source: bool,
    *,
    value: str,
    rule: RulePanel | None = None,
) -> Chart | None:
    """Bins of several sources with the same edges, none where all are empty; not by_source: summed.
    rule: whose range is drawn in."""
    counts = {source: bins.counts for source, bins in found.items() if sum(bins.counts)}
    if not counts:
        return None
    bins = next(iter(found.values()))
    if not by_source:
        counts = {"all sources": tuple(map(sum, zip(*counts.values(), strict=True)))}
    return histogram(
        told.title,
        told.finding,
        bins.edges,
        counts,
        sources if by_source else (),
        value=value,
        log=bins.scale == "log",
        minimum=rule.minimum if rule else None,
        maximum=rule.maximum if rule else None,
        borders=rule.borders if rule else (),
        filtered=by_source,
    )
