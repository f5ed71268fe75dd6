"""What every chart is made of: its data, the common look, and its twin as a table.

Rows stand apart from the drawing, so that the page can filter them by source. A chart says what it
shows twice: title and finding, which a screen reader reads instead of the drawing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.report.html.numbers import shown

Cell = float | int | str | bool | None
COLOURS = 10
"""Of series; the last one is a grey."""
FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, sans-serif"
CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "labelFontSize": 12,
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "titlePadding": 8,
        "gridColor": "var(--hairline)",
        "tickColor": "var(--line)",
        "domainColor": "var(--line)",
    },
    "axisX": {"grid": False, "labelOverlap": True, "tickCount": 6},
    "axisY": {"domain": False, "ticks": False, "tickCount": 4, "labelPadding": 8},
    "bar": {"discreteBandSize": {"band": 0.72}},
    "line": {"strokeWidth": 2},
    "text": {"fontSize": 12, "fill": "var(--ink)"},
}
ROWS = {"name": "rows"}
IN_TURN = {"field": "place", "type": "quantitative"}
"""The order of series on top of each other."""
FORMATS = {
    "count": ".3~s",
    "bytes": ".3~s",
    "percent": ".1~%",
    "number": ".3~g",
    "rate": ",.3~r",
    "seconds": ",.2~f",
    "times": ".3~g",
}
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
    their colours, where the sources do not tell them."""

    title: str
    finding: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    filtered: str
    height: int
    head: tuple[Column, ...]
    twin: tuple[TwinRow, ...]
    legend: dict[str, str] = {}


class Told(NamedTuple):
    """What a chart says."""

    title: str
    finding: str


def palette_of(series: Iterable[str], colours: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for each series: of the mapping, or by its place. Of more series than there are
    colours all that come after share the last one, a grey."""
    names = list(series)
    own = COLOURS if len(names) <= COLOURS else COLOURS - 1
    by_place = {name: f"var(--series-{min(i, own) + 1})" for i, name in enumerate(names)}
    return {name: (colours or {}).get(name, by_place[name]) for name in names}


def coloured(palette: Mapping[str, str]) -> dict[str, Any]:
    """The channel of colours, without a legend of Vega's."""
    scale = {"domain": list(palette), "range": list(palette.values())}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


def axis_of(unit: str, title: str | None) -> dict[str, Any]:
    """Numbers in a unit along an axis."""
    made: dict[str, Any] = {"title": title, "format": FORMATS[unit]}
    if unit in SUFFIX:
        made["labelExpr"] = f"datum.label + '{SUFFIX[unit]}'"
    return made


def head_of(first: str, series: Iterable[str], filtered: bool) -> tuple[Column, ...]:
    """Head of a twin with a column a series, and their sum where they are sources."""
    columns = [Column(name, name if filtered else None) for name in series]
    total = [Column("all", total=True)] if filtered and len(columns) > 1 else []
    return (Column(first), *columns, *total)


def twin_of(
    rows: Sequence[tuple[str, str, float | None]],
    series: Sequence[str],
    unit: str,
    filtered: str,
    approximate: frozenset[tuple[str, str]] = frozenset(),
) -> tuple[TwinRow, ...]:
    """Categories down, series across; approximate values with "~"."""
    sums: dict[tuple[str, str], float | None] = {}
    for category, name, value in rows:
        before = sums.get((category, name))
        sums[category, name] = value if before is None else before + (value or 0)
    made = []
    for category in dict.fromkeys(row[0] for row in rows):
        cells = [sums.get((category, name)) for name in series]
        rough = [(category, name) in approximate for name in series]
        if filtered == "series" and len(series) > 1:
            known = [cell for cell in cells if cell is not None]
            cells, rough = [*cells, sum(known) if known else None], [*rough, any(rough)]
        texts = [("~ " if r else "") + shown(c, unit) for c, r in zip(cells, rough, strict=True)]
        made.append(TwinRow(category, tuple(texts), category if filtered == "category" else None))
    return tuple(made)
