"""Charts as Vega-Lite dicts: bars, histograms with the borders of a rule, lines."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dolma_pipe.report.html.drawing import (
    FORMATS,
    IN_TURN,
    ROWS,
    SUFFIX,
    Chart,
    Told,
    TwinRow,
    axis_of,
    coloured,
    head_of,
    palette_of,
    twin_of,
)
from dolma_pipe.report.html.numbers import shown

THICK, THIN, GAP = 30, 17, 12
"""Pixels: of a bar, of a bar beside others of its category, between categories."""


def bars(
    title: str,
    finding: str,
    rows: Sequence[tuple[str, str, float | None]],
    series: Sequence[str],
    *,
    category: str,
    unit: str = "count",
    filtered: str = "series",
    stacked: bool = True,
    colours: Mapping[str, str] | None = None,
    approximate: frozenset[tuple[str, str]] = frozenset(),
) -> Chart:
    """Horizontal bars. rows: (category, series, value), categories from top to bottom.

    stacked: the series of a category on one bar with its sum beside it, else one bar each.
    filtered: "series" or "category" where that is a source, else "". unit: see numbers.
    approximate: (category, series) that are estimated: paler, told with "~".
    """
    order = list(dict.fromkeys(row[0] for row in rows))
    palette = palette_of(dict.fromkeys([*series, *(row[1] for row in rows)]), colours)
    places = {name: i for i, name in enumerate(palette)}
    stacked = stacked or len(palette) == 1
    y: dict[str, Any] = {"field": "category", "type": "nominal", "title": None}
    y |= {"scale": {"domain": order}} if filtered != "category" else {"sort": order}
    layers = _bar_layers(y, palette, category, unit, stacked)
    deep = len(order) * (THICK if stacked else THIN * len(palette) + GAP)
    return Chart(
        title=title,
        finding=finding,
        spec={"data": ROWS, "height": deep, "layer": layers},
        columns=("category", "series", "value", "place", "rough"),
        rows=tuple((*row, places[row[1]], row[:2] in approximate) for row in rows),
        filtered=filtered,
        height=deep + 36,
        head=head_of(category, palette, filtered == "series"),
        twin=twin_of(rows, list(palette), unit, filtered, approximate),
        legend=palette if filtered != "series" and len(palette) > 1 else {},
    )


def histogram(
    title: str,
    finding: str,
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    series: Sequence[str],
    *,
    value: str,
    log: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    borders: Sequence[float] = (),
    filtered: bool = True,
) -> Chart:
    """Documents by a value: counts of each series between the edges, on top of each other.

    minimum, maximum: what a rule keeps; each is a line, and the side that it removes is shaded.
    borders: where these lines stand, if not there.
    """
    edges, log = positive(list(edges), log)
    palette = palette_of(dict.fromkeys([*series, *counts]))
    rows = list(_filled(edges, counts, list(palette)))
    lines = _borders(minimum, maximum, borders)
    ends = [*edges, *(at for at, _ in lines if at > 0 or not log)]
    domain = [min(ends), max(ends)]
    below, above = _shades(domain, minimum is not None, maximum is not None, lines)
    middle = _bin_layer(domain, log, value, palette, "source" if filtered else " ")
    return Chart(
        title=title,
        finding=finding,
        spec={"data": ROWS, "height": 190, "layer": [*below, middle, *above]},
        columns=("low", "high", "series", "value", "place"),
        rows=tuple(rows),
        filtered="series" if filtered else "",
        height=250,
        head=head_of(value, palette, filtered),
        twin=_bins(rows, palette, filtered),
        legend={} if filtered or len(palette) == 1 else palette,
    )


def lines(
    title: str,
    finding: str,
    points: Mapping[str, Sequence[tuple[float, float]]],
    series: Sequence[str],
    *,
    x: str,
    y: str,
    unit: str = "number",
    filtered: bool = True,
) -> Chart:
    """A line a series through its (x, y), told apart by dashes as well as by colour."""
    palette = {name: c for name, c in palette_of(series).items() if name in points}
    named = [(shown(a, "number"), name, b) for name in palette for a, b in points[name]]
    across = {"field": "x", "type": "quantitative", "axis": {"title": x, "format": "~g"}}
    spec = {
        "data": ROWS,
        "height": 220,
        "mark": {"type": "line", "interpolate": "linear"},
        "encoding": {
            "x": across | {"scale": {"zero": False, "nice": False}},
            "y": {"field": "value", "type": "quantitative", "axis": axis_of(unit, y)},
            "color": coloured(palette),
            "strokeDash": {"field": "series", "legend": None, "sort": list(palette)},
        },
    }
    by = "series" if filtered else ""
    return Chart(
        title=title,
        finding=finding,
        spec=spec,
        columns=("x", "series", "value"),
        rows=tuple((a, name, b) for name in palette for a, b in points[name]),
        filtered=by,
        height=280,
        head=head_of(x, palette, filtered),
        twin=twin_of(named, list(palette), unit, by),
        legend={} if filtered or len(palette) == 1 else palette,
    )


def steps(
    told: Told,
    buckets: Sequence[tuple[float, float, float]],
    curve: Sequence[tuple[float, float]],
    twin: tuple[Sequence[str], Sequence[TwinRow]],
    *,
    fill: str,
    x: str,
    y: str,
) -> Chart:
    """Bars (from, to, value) with a curve drawn over them. twin: its head and rows."""
    rows = [("bar", a, b, value) for a, b, value in buckets]
    points = [("curve", a, None, value) for a, value in curve]
    across = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"title": x}}
    up = {"field": "value", "type": "quantitative", "axis": axis_of("times", y)}
    tooltip = [{"field": "value", "title": "repeats", "format": ".3~g"}]
    bar = {"x": across | {"field": "low", "bin": "binned"}, "x2": {"field": "high"}, "y": up}
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "datum.kind == 'bar'"}],
            "mark": {"type": "bar", "binSpacing": 1, "color": fill, "opacity": 0.75},
            "encoding": bar | {"tooltip": tooltip},
        },
        {
            "transform": [{"filter": "datum.kind == 'curve'"}],
            "mark": {"type": "line", "color": "var(--ink)", "strokeWidth": 1.5},
            "encoding": {"x": across | {"field": "low"}, "y": up},
        },
    ]
    return Chart(
        title=told.title,
        finding=told.finding,
        spec={"data": ROWS, "height": 150, "layer": layers if curve else layers[:1]},
        columns=("kind", "low", "high", "value"),
        rows=(*rows, *points),
        filtered="",
        height=210,
        head=head_of(twin[0][0], twin[0][1:], False),
        twin=tuple(twin[1]),
    )


def _bar_layers(
    y: dict[str, Any], palette: Mapping[str, str], category: str, unit: str, stacked: bool
) -> list[dict[str, Any]]:
    """Bars, and their numbers beside them."""
    x = {"field": "value", "type": "quantitative", "axis": axis_of(unit, None)}
    rough = {"condition": {"test": "datum.rough", "value": 0.6}, "value": 1}
    offset = {"yOffset": {"field": "series", "scale": {"domain": list(palette)}}}
    both: dict[str, Any] = {"y": y} | ({} if stacked else offset)
    bar = both | {"x": x | {"stack": "zero" if stacked else None}, "color": coloured(palette)}
    bar |= {"order": IN_TURN, "opacity": rough, "tooltip": _tooltip(category, unit)}
    label = {
        "transform": _labels(["category"] if stacked else ["category", "series"], unit),
        "mark": {"type": "text", "align": "left", "dx": 6},
        "encoding": both | {"x": x, "text": {"field": "label"}},
    }
    return [{"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": bar}, label]


def _bin_layer(
    domain: list[float], log: bool, value: str, palette: Mapping[str, str], series: str
) -> dict[str, Any]:
    """Bars of a histogram; value: the title of its axis."""
    scale: dict[str, Any] = {"domain": domain, "nice": False}
    scale |= {"type": "log"} if log else {"zero": False}
    axis = {"format": "~s" if domain[1] >= 10 else "~g", "title": value}
    x = {"field": "low", "type": "quantitative", "bin": "binned", "scale": scale, "axis": axis}
    y = {"field": "value", "type": "quantitative", "stack": "zero"}
    told = [("low", "from"), ("high", "below"), ("series", series)]
    tooltip = [{"field": field, "title": name} for field, name in told]
    tooltip.append({"field": "value", "title": "documents", "format": ","})
    encoding = {"x": x, "x2": {"field": "high"}, "y": y | {"axis": axis_of("count", "documents")}}
    encoding |= {"color": coloured(palette), "order": IN_TURN, "tooltip": tooltip}
    return {"mark": {"type": "bar", "binSpacing": 0.5}, "encoding": encoding}


def _labels(each: list[str], unit: str) -> list[dict[str, Any]]:
    """The sum beside a bar, with "~" where a part of it is estimated."""
    told = f"format(datum.value, '{FORMATS[unit]}') + '{SUFFIX.get(unit, '')}'"
    return [
        {
            "aggregate": [
                {"op": "sum", "field": "value", "as": "value"},
                {"op": "max", "field": "rough", "as": "rough"},
            ],
            "groupby": each,
        },
        {"calculate": f"(datum.rough ? '~ ' : '') + {told}", "as": "label"},
    ]


def _tooltip(category: str, unit: str) -> list[dict[str, Any]]:
    exact = "," if unit in ("count", "bytes") else FORMATS[unit]
    return [
        {"field": "category", "title": category},
        {"field": "series", "title": " "},
        {"field": "value", "title": unit if unit == "bytes" else "value", "format": exact},
    ]


def _filled(
    edges: Sequence[float], counts: Mapping[str, Sequence[int]], order: list[str]
) -> Iterator[tuple[float, float, str, int, int]]:
    """Bins that hold a document: from, to, series, documents, place of the series."""
    for name, column in counts.items():
        for low, high, count in zip(edges, edges[1:], column, strict=False):
            if count:
                yield low, high, name, count, order.index(name)


def _bins(
    rows: Sequence[tuple[float, float, str, int, int]], palette: Mapping[str, str], filtered: bool
) -> tuple[TwinRow, ...]:
    """Bins that hold a document, from low to high."""
    found: dict[tuple[float, float], dict[str, int]] = defaultdict(dict)
    for low, high, name, count, _ in rows:
        found[low, high][name] = count
    made = []
    for (low, high), counts in sorted(found.items()):
        cells = [counts.get(name, 0) for name in palette]
        cells += [sum(cells)] if filtered and len(palette) > 1 else []
        title = f"{shown(low, 'number')} to {shown(high, 'number')}"
        made.append(TwinRow(title, tuple(shown(cell) for cell in cells)))
    return tuple(made)


def _borders(
    low: float | None, high: float | None, borders: Sequence[float]
) -> list[tuple[float, str]]:
    """Where the lines of a rule stand, and what they say."""
    made = [] if low is None else [(borders[0] if borders else low, f"min {shown(low, 'number')}")]
    if high is not None:
        made.append((borders[-1] if borders else high, f"max {shown(high, 'number')}"))
    return made


def _shades(
    domain: list[float], low: bool, high: bool, lines: list[tuple[float, str]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Layers below and above the bars: the sides that a rule removes, its lines, their texts."""
    if not lines:
        return [], []
    sides = [{"low": domain[0], "high": lines[0][0]}] if low else []
    sides += [{"low": lines[-1][0], "high": domain[1]}] if high else []
    across = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
    x = {"field": "at", "type": "quantitative"}
    marks: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"type": "rule", "color": "var(--ground)", "strokeWidth": 5}, {"x": x}),
        ({"type": "rule", "color": "var(--removed)", "strokeWidth": 2}, {"x": x}),
    ]
    anchors = [("right", -5, "min"), ("left", 5, "max")]
    told = [{"at": at, "says": says} for at, says in lines]
    shade = {"data": {"values": sides}, "encoding": across}
    layers = [{"data": {"values": told}, "mark": m, "encoding": e} for m, e in marks]
    for align, dx, kind in anchors:
        text = {"type": "text", "align": align, "dx": dx, "y": -8, "fontWeight": "bold"}
        layers.append(
            {
                "data": {"values": [row for row in told if str(row["says"]).startswith(kind)]},
                "mark": text | {"fill": "var(--removed)"},
                "encoding": {"x": x, "text": {"field": "says"}},
            }
        )
    veil = {"type": "rect", "color": "var(--removed-veil)"}
    ground = {"type": "rect", "color": "var(--removed-shade)"}
    return [shade | {"mark": ground}], [shade | {"mark": veil}, *layers]


def positive(edges: list[float], log: bool) -> tuple[list[float], bool]:
    """Edges that a logarithmic axis can show: one that begins with 0 begins a bit above it."""
    if log and edges[0] <= 0 and len(edges) > 1 and edges[1] > 0:
        return [edges[1] / 2, *edges[1:]], True
    return edges, log and edges[0] > 0
