"""Charts: Vega-Lite as plain dicts, coloured by the page's CSS variables, each with a table twin.

Rows stand apart from the drawing, so that the page can filter them by source. A chart says what it
shows twice: title and finding, which a screen reader reads instead of the drawing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dolma_pipe.report.html.numbers import shown

Cell = float | int | str | None
Row = tuple[Cell, ...]
COLOURS = 10
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
TEXT = {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFont": FONT}
CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        **TEXT,
        "titleFont": FONT,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 12,
        "gridColor": "var(--hairline)",
        "tickColor": "var(--hairline)",
        "domainColor": "var(--line)",
        "titlePadding": 8,
    },
    "axisX": {"grid": False, "labelOverlap": True, "tickCount": 6},
    "axisY": {"domain": False, "ticks": False, "tickCount": 4, "labelPadding": 8},
    "bar": {"discreteBandSize": {"band": 0.72}},
    "line": {"strokeWidth": 2},
    "text": {"font": FONT, "fontSize": 12, "fill": "var(--ink)"},
}
FORMATS = {"count": ".3~s", "bytes": ".3~s", "percent": ".0%", "number": ".3~g", "seconds": ".3~s"}
ROWS = {"name": "rows"}
IN_TURN = {"field": "place", "type": "quantitative"}
STEP, THIN = 30, 18
SUFFIX = {"bytes": "B", "seconds": " s", "times": "×"}


class Column(msgspec.Struct, frozen=True):
    """Of a table twin. source: whose it is, so that the filter hides it; total: of all of them."""

    title: str
    source: str | None = None
    total: bool = False


class TwinRow(msgspec.Struct, frozen=True):
    """A row of it: its header, then one text a column."""

    title: str
    cells: tuple[str, ...]
    source: str | None = None


class Chart(msgspec.Struct, frozen=True):
    """What a page needs to draw one. columns: names of the cells of a row; filtered: which of them
    is a source ("" where none is); height: pixels, kept free until it is drawn; legend: series and
    their colours, where sources do not tell them."""

    title: str
    finding: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    filtered: str
    height: int
    head: tuple[Column, ...]
    twin: tuple[TwinRow, ...]
    legend: dict[str, str] = {}


def colour(number: int) -> str:
    """Of the series at this place; they come round."""
    return f"var(--series-{number % COLOURS + 1})"


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
) -> Chart:
    """Horizontal bars. rows: (category, series, value), categories from top to bottom.

    stacked: the series of a category on one bar with its sum beside it, else one bar each.
    filtered: "series" or "category" where that is a source, else "". unit: see numbers.
    """
    order = list(dict.fromkeys(row[0] for row in rows))
    palette = dict(colours or {name: colour(i) for i, name in enumerate(series)})
    y: dict[str, Any] = {"field": "category", "type": "nominal", "sort": order, "title": None}
    x = {"field": "value", "type": "quantitative", "axis": _axis(unit, None)}
    label: dict[str, Any] = {"y": y, "text": {"field": "value", **_text(unit)}, "x": x}
    drawn: dict[str, Any] = {"y": y, "x": x | {"stack": "zero" if stacked else None}}
    drawn |= {"color": _colours(palette), "tooltip": _tooltip(category, unit), "order": IN_TURN}
    if stacked:
        total = {"aggregate": "sum", "field": "value", "type": "quantitative"}
        label |= {"x": total, "text": total | _text(unit)}
        y = y | {"scale": {"domain": order}}
        drawn, label = drawn | {"y": y}, label | {"y": y}
    else:
        offset = {"field": "series", "sort": list(palette)}
        drawn, label = drawn | {"yOffset": offset}, label | {"yOffset": offset}
    deep = len(order) * (STEP if stacked or len(palette) == 1 else THIN * len(palette) + 8)
    spec = {
        "data": ROWS,
        "height": deep,
        "layer": [
            {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": drawn},
            {"mark": {"type": "text", "align": "left", "dx": 6}, "encoding": label},
        ],
    }
    return _chart(
        (title, finding, spec),
        rows,
        (category, palette, order),
        unit=unit,
        filtered=filtered,
        height=deep + 36,
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
    filtered: bool = True,
) -> Chart:
    """Documents by a value: counts of each series between the edges, on top of each other.

    minimum, maximum: what a rule keeps; each is a line, and the side that it removes is shaded.
    """
    edges, log = _positive(list(edges), log)
    bounds = [*edges, *(b for b in (minimum, maximum) if b is not None and (b > 0 or not log))]
    domain = [min(bounds), max(bounds)]
    rows = [
        (low, high, name, count, list(series).index(name))
        for name, column in counts.items()
        for low, high, count in zip(edges, edges[1:], column, strict=False)
        if count
    ]
    palette = {name: colour(i) for i, name in enumerate(series)}
    scale: dict[str, Any] = {"domain": domain, "nice": False}
    scale |= {"type": "log"} if log else {"zero": False}
    axis = {"format": "~s" if domain[1] >= 10 else "~g", "title": value}
    x = {"field": "low", "type": "quantitative", "bin": "binned", "scale": scale, "axis": axis}
    spans = [["low", "from"], ["high", "to"], ["series", "source" if filtered else "of"]]
    bar = {
        "mark": {"type": "bar", "binSpacing": 0.5},
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": {
                "field": "value",
                "type": "quantitative",
                "stack": "zero",
                "axis": _axis("count", "documents"),
            },
            "color": _colours(palette),
            "order": IN_TURN,
            "tooltip": [{"field": f, "title": t} for f, t in spans]
            + [{"field": "value", "title": "documents", "format": ","}],
        },
    }
    shades = _removed(domain, minimum, maximum)
    spec = {"data": ROWS, "height": 190, "layer": [*shades[:1], bar, *shades[1:]]}
    return Chart(
        title=title,
        finding=finding,
        spec=spec,
        columns=("low", "high", "series", "value", "place"),
        rows=tuple(rows),
        filtered="series" if filtered else "",
        height=250,
        head=_head(value, palette, filtered),
        twin=_bins(rows, palette, filtered),
        legend={} if filtered else palette,
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
    palette = {name: colour(i) for i, name in enumerate(series) if name in points}
    rows = [(a, n, b, i) for i, n in enumerate(palette) for a, b in points[n]]
    title_of = {"axis": {"title": x, "format": "~g"}, "scale": {"zero": False, "nice": False}}
    spec = {
        "data": ROWS,
        "height": 220,
        "mark": {"type": "line", "interpolate": "linear"},
        "encoding": {
            "x": {"field": "category", "type": "quantitative", **title_of},
            "y": {"field": "value", "type": "quantitative", "axis": _axis(unit, y)},
            "color": _colours(palette),
            "strokeDash": {"field": "series", "legend": None, "sort": list(palette)},
        },
    }
    named = [(shown(a, "number"), name, b) for a, name, b, _ in rows]
    order = list(dict.fromkeys(row[0] for row in named))
    made = _chart(
        (title, finding, spec),
        named,
        (x, palette, order),
        unit=unit,
        filtered="series" if filtered else "",
        height=280,
    )
    return msgspec.structs.replace(made, rows=tuple(rows))


def _chart(
    told: tuple[str, str, dict[str, Any]],
    rows: Sequence[tuple[str, str, float | None]],
    by: tuple[str, dict[str, str], list[str]],
    *,
    unit: str,
    filtered: str,
    height: int,
) -> Chart:
    """With its twin: categories down, series across."""
    category, palette, order = by
    sums: dict[tuple[str, str], float | None] = {}
    for name, of, value in rows:
        sums[name, of] = value if (name, of) not in sums else (sums[name, of] or 0) + (value or 0)
    by_series = filtered == "series"
    twin = []
    for name in order:
        cells = [sums.get((name, of)) for of in palette]
        if by_series and len(palette) > 1:
            cells.append(sum(cell or 0 for cell in cells))
        source = name if filtered == "category" else None
        twin.append(TwinRow(name, tuple(shown(cell, unit) for cell in cells), source))
    title, finding, spec = told
    return Chart(
        title=title,
        finding=finding,
        spec=spec,
        columns=("category", "series", "value", "place"),
        rows=tuple((*row, list(palette).index(row[1])) for row in rows),
        filtered=filtered,
        height=height,
        head=_head(category, palette, by_series),
        twin=tuple(twin),
        legend=palette if not by_series and len(palette) > 1 else {},
    )


def _head(first: str, palette: dict[str, str], by_source: bool) -> tuple[Column, ...]:
    columns = [Column(name, name if by_source else None) for name in palette]
    total = [Column("all", total=True)] if by_source and len(palette) > 1 else []
    return (Column(first), *columns, *total)


def _bins(rows: list[Any], palette: dict[str, str], filtered: bool) -> tuple[TwinRow, ...]:
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


def _removed(domain: list[float], low: float | None, high: float | None) -> list[dict[str, Any]]:
    """The sides that a rule removes, and its lines, each with what it says."""
    lines, sides = [], []
    if low is not None:
        lines.append({"at": low, "says": f"min {low:g}"})
        sides.append({"low": domain[0], "high": max(low, domain[0])})
    if high is not None:
        lines.append({"at": high, "says": f"max {high:g}"})
        sides.append({"low": min(high, domain[1]), "high": domain[1]})
    if not lines:
        return []
    x = {"field": "at", "type": "quantitative"}
    label = {"type": "text", "y": -7, "baseline": "bottom", "fontWeight": "bold"}
    return [
        {
            "data": {"values": sides},
            "mark": {"type": "rect", "color": "var(--removed-shade)"},
            "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "rule", "color": "var(--removed)", "strokeWidth": 1.5},
            "encoding": {"x": x},
        },
        {
            "data": {"values": lines},
            "mark": label | {"fill": "var(--removed)"},
            "encoding": {"x": x, "text": {"field": "says"}},
        },
    ]


def _positive(edges: list[float], log: bool) -> tuple[list[float], bool]:
    """Edges that a logarithmic axis can show: one that begins with 0 begins a bit above it."""
    if log and edges[0] <= 0 and len(edges) > 1 and edges[1] > 0:
        return [edges[1] / 2, *edges[1:]], True
    return edges, log and edges[0] > 0


def _colours(palette: dict[str, str]) -> dict[str, Any]:
    scale = {"domain": list(palette), "range": list(palette.values())}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


def _axis(unit: str, title: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"title": title, "format": FORMATS.get(unit, "~g")}
    if unit in SUFFIX:
        made["labelExpr"] = f"datum.label + '{SUFFIX[unit]}'"
    return made


def _text(unit: str) -> dict[str, Any]:
    return {"format": FORMATS.get(unit, ".3~g")}


def _tooltip(category: str, unit: str) -> list[dict[str, Any]]:
    number = {"count": ",", "bytes": ",", "percent": ".1%"}.get(unit, ".4~g")
    return [
        {"field": "category", "title": category},
        {"field": "series", "title": " "},
        {"field": "value", "title": unit if unit == "bytes" else "value", "format": number},
    ]
