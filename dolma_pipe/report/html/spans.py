"""Spans that taggers found: personal data and masked text in one part, all others in another."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dolma_pipe.report.html.charts import bars
from dolma_pipe.report.html.drawing import Chart
from dolma_pipe.report.html.numbers import number
from dolma_pipe.report.page.model import Page, SpanCount

PER = 1000
"""Documents that rates are told of."""


class Part(NamedTuple):
    """Columns of spans of one kind. charts: by what they count, none where nothing was found;
    rows: a column of a source each, the most frequent columns first."""

    name: str
    title: str
    charts: dict[str, Chart]
    rows: tuple[SpanCount, ...]


def parts_of(page: Page) -> list[Part]:
    """Those that have a column."""
    parts = (("hidden", "Personal data and masked text"), ("others", "Other spans"))
    return [
        Part(name, title, _charts(rows), tuple(rows))
        for name, title in parts
        if (rows := _ordered([row for row in page.spans if row.hidden == (name == "hidden")]))
    ]


def _ordered(rows: list[SpanCount]) -> list[SpanCount]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.column] += row.spans
    order = [column for column, _ in counts.most_common()]
    return sorted(rows, key=lambda row: order.index(row.column))


def _charts(rows: Sequence[SpanCount]) -> dict[str, Chart]:
    """Spans, on one bar a source; of what is hidden, a few kinds, first documents that have one."""
    found = [row for row in rows if any(r.spans for r in rows if r.column == row.column)]
    if not found:
        return {}
    spans = _rates(found, "Spans", lambda row: row.spans, stacked=True)
    if not found[0].hidden:
        return {"spans": spans}
    documents = _rates(found, "Documents with one", lambda row: row.documents, stacked=False)
    return {"documents": documents, "spans": spans}


def _rates(
    rows: Sequence[SpanCount], what: str, count: Callable[[SpanCount], int], *, stacked: bool
) -> Chart:
    """Of each source and column, per thousand of the documents that its tagger has seen."""
    most, seen = Counter[str](), Counter[str]()
    for row in rows:
        most[row.column] += count(row)
        seen[row.column] += row.sampled
    first = max(most, key=lambda column: most[column] / max(1, seen[column]))
    rate = PER * most[first] / max(1, seen[first])
    return bars(
        f"{what}, per {PER:,} documents",
        f"{first} has most, {number(rate)} in all sources together",
        [(row.source, row.column, PER * count(row) / row.sampled) for row in rows if row.sampled],
        list(most),
        category="source",
        unit="rate",
        filtered="category",
        stacked=stacked,
    )
