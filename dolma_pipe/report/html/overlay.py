"""A column in two runs: both histograms over each other, and what each run keeps."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from dolma_pipe.report.comparison.model import Overlay, Range
from dolma_pipe.report.html.charts import positive
from dolma_pipe.report.html.columns import value_of
from dolma_pipe.report.html.drawing import ROWS, Chart, TwinRow, axis_of, coloured, head_of
from dolma_pipe.report.html.numbers import shown
from dolma_pipe.report.html.removals import range_of
from dolma_pipe.report.page.model import Bins

RUNS = {"A": "var(--series-1)", "B": "var(--series-2)"}
DASHES = {"A": [5, 3], "B": [1, 0]}
BOTH = "var(--removed)"


class Drawn(NamedTuple):
    """sources: where there are others with another range, or none. kept: by each run, in words."""

    column: str
    sources: str
    kept: str
    changed: bool
    chart: Chart


def overlay_of(told: Overlay, sources: int, by_source: bool) -> Drawn | None:
    """Of the documents that have a value in the sample of each run the share in each bin, A dashed.

    sources: of the page. None where no document has a value.
    """
    steps: Counter[tuple[float, str, str, int]] = Counter()
    for one in told.histograms:
        for run, bins in (("A", one.a), ("B", one.b)):
            for low, documents, counts in _steps(bins):
                steps[low, run, one.source if by_source else "", counts] += documents
    if not steps:
        return None
    bins = told.histograms[0].a
    edges, log = positive(list(bins.edges), bins.scale == "log")
    shown_of = [sum(sum(getattr(one, run).counts) for one in told.histograms) for run in "ab"]
    chart = Chart(
        title=f"Documents by {value_of(told.column)}",
        finding="{:,} of A and {:,} of B have a value in the sample".format(*shown_of),
        spec={"data": ROWS, "height": 190, "layer": [*_areas(edges, log), *_lines(told, edges)]},
        columns=("low", "series", "source", "counts", "documents"),
        rows=tuple((max(step[0], edges[0]), *step[1:], n) for step, n in steps.items()),
        filtered="source" if by_source else "",
        height=270,
        head=head_of("value", RUNS, filtered=False),
        twin=tuple(_twin(told)),
        legend=RUNS,
    )
    names = [one.source for one in told.histograms]
    where = ", ".join(names) if len(names) < sources else ""
    changed = told.before != told.after
    return Drawn(told.column, where, _kept(told.before, told.after), changed, chart)


def _kept(before: Range | None, after: Range | None) -> str:
    if before == after:
        return f"both keep {range_of(*after)}" if after else ""
    told = zip(RUNS, (before, after), strict=True)
    return ", ".join(
        f"{run} has no such rule" if kept is None else f"{run} keeps {range_of(*kept)}"
        for run, kept in told
    )


def _steps(bins: Bins) -> Iterator[tuple[float, int, int]]:
    """Where a bin begins, its documents, and whether they count: the last one is there twice, so
    that it is drawn to its end."""
    if any(bins.counts):
        yield from ((low, n, 1) for low, n in zip(bins.edges, bins.counts, strict=False))
        yield bins.edges[-1], bins.counts[-1], 0


def _areas(edges: list[float], log: bool) -> Iterator[dict[str, Any]]:
    """B filled, with A over it."""
    scale: dict[str, Any] = {
        "type": "log" if log else "linear",
        "domain": [edges[0], edges[-1]],
        "nice": False,
        **({} if log else {"zero": False}),
    }
    across: dict[str, Any] = {
        "field": "low",
        "type": "quantitative",
        "scale": scale,
    }
    up: dict[str, Any] = {"field": "share", "type": "quantitative", "stack": None}
    across |= {"axis": {"title": None, "format": "~g"}}
    up |= {"axis": axis_of("percent", "share of documents")}
    transform: list[dict[str, Any]] = [
        {
            "aggregate": [{"op": "sum", "field": "documents", "as": "documents"}],
            "groupby": ["low", "series", "counts"],
        },
        {"calculate": "datum.documents * datum.counts", "as": "counted"},
        {
            "joinaggregate": [{"op": "sum", "field": "counted", "as": "all"}],
            "groupby": ["series"],
        },
        {"calculate": "datum.documents / max(1, datum.all)", "as": "share"},
    ]
    for run in reversed(RUNS):
        yield {
            "transform": [*transform, {"filter": f"datum.series == '{run}'"}],
            "mark": {
                "type": "area",
                "interpolate": "step-after",
                "fillOpacity": 0.25 if run == "B" else 0,
                "line": {"strokeWidth": 1.75, "strokeDash": DASHES[run]},
            },
            "encoding": {"x": across, "y": up, "color": coloured(RUNS)},
        }


def _lines(told: Overlay, edges: list[float]) -> Iterator[dict[str, Any]]:
    """What each run keeps; where it is the same, once. Bounds beyond the axis stand at its end."""
    borders = [tuple(min(max(at, edges[0]), edges[-1]) for at in of_run) for of_run in told.borders]
    if told.before == told.after:
        yield from _ends("", told.after, borders[1], BOTH, [1, 0], -8)
        return
    for k, (run, kept) in enumerate(zip(RUNS, (told.before, told.after), strict=True)):
        yield from _ends(f"{run} ", kept, borders[k], RUNS[run], DASHES[run], -23 + 15 * k)


def _ends(
    run: str,
    kept: Range | None,
    borders: tuple[float, ...],
    colour: str,
    dash: list[int],
    y: int,
) -> Iterator[dict[str, Any]]:
    low, high = kept or (None, None)
    ends = []
    if low is not None:
        ends.append((borders[0], f"{run}min {shown(low, 'number')}", "right", -5))
    if high is not None:
        ends.append((borders[-1], f"{run}max {shown(high, 'number')}", "left", 5))
    for at, says, align, dx in ends:
        encoding: dict[str, Any] = {"x": {"datum": at, "type": "quantitative"}}
        yield {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "color": colour, "strokeWidth": 2, "strokeDash": dash},
            "encoding": encoding,
        }
        text: dict[str, Any] = {"type": "text", "text": says, "align": align, "dx": dx, "y": y}
        yield {
            "data": {"values": [{}]},
            "mark": text | {"fontWeight": "bold", "fill": colour},
            "encoding": encoding,
        }


def _twin(told: Overlay) -> Iterator[TwinRow]:
    """Bins that hold a document, of all sources together."""
    edges = told.histograms[0].a.edges
    columns = [
        zip(*(getattr(one, run).counts for one in told.histograms), strict=True) for run in "ab"
    ]
    for low, high, *counts in zip(edges, edges[1:], *columns, strict=False):
        sums = [sum(each) for each in counts]
        if any(sums):
            title = f"{shown(low, 'number')} to {shown(high, 'number')}"
            yield TwinRow(title, tuple(map(shown, sums)))
