"""Histograms: edges that fit the values of all sources and the bounds of their rule, and counts."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from dolma_pipe.columns import Bounds, outside
from dolma_pipe.kernels.jit import F64
from dolma_pipe.report.page.model import Bins

BINS = 40
TRIM = 0.005
"""Share of the values that may lie beyond either end, where they would squeeze all others."""
FAR, FAR_WHOLE = 1000.0, 100.0
"""Between the ends of positive values: from this ratio on, an axis by powers; of whole numbers,
which are counts, from the second on."""
HUGE = 1e100
"""What is farther from 0 lies beyond every axis, and a bound there stands here."""

Scale = Literal["linear", "log"]


class Edges(NamedTuple):
    """borders: where a rule's range ends on the axis, see RulePanel."""

    edges: F64
    scale: Scale
    borders: tuple[float, ...]


def edges_of(values: F64, bounds: Bounds = Bounds(None, None)) -> Edges:  # noqa: B008  immutable
    """Of the values of all sources together; NaN, infinite and huge ones are passed over.

    The bounds lie within the edges, one of them on an edge.
    """
    known = values[np.abs(values) <= HUGE]
    whole = len(known) > 0 and bool((known == np.round(known)).all())
    borders = _borders(bounds, whole=whole)
    low, high = _range(known, borders)
    middle = known[(known >= low) & (known <= high)]
    if whole:
        low, high = float(math.floor(low)), float(math.floor(high) + 1)
    elif 0 < low < (high - low) / BINS:
        low = 0.0
    most = max(abs(low), abs(high))
    if high - low <= (0 if whole else max(1e-300, 1e-9 * most)):
        wider = max(0.5, 1e-6 * most)
        low, high = low - wider, high + wider
    scale = _scale(middle, borders, high, FAR_WHOLE if whole else FAR)
    if scale == "log":
        low = min([float(middle[middle > 0].min()), *borders])
    anchor = borders[0] if borders else low
    if scale == "log":
        edges = np.exp(_grid(math.log(low), math.log(high), math.log(anchor)))
    else:
        edges = _grid(low, high, anchor, whole=whole)
    return Edges(_exact(edges, low, high, anchor, whole=whole), scale, borders)


def _exact(edges: F64, low: float, high: float, anchor: float, *, whole: bool) -> F64:
    """Without rounding errors, from at most low to at least high, the anchor among them."""
    if whole:
        edges = np.round(edges)
    else:
        edges = np.array([float(f"{edge:.12g}") for edge in edges.tolist()])
    edges[np.argmin(np.abs(edges - anchor))] = anchor
    return np.unique(np.r_[min(low, edges[0]), edges[1:-1], max(high, edges[-1]), anchor])


def bins_of(values: F64, edges: Edges, bounds: Bounds | None = None) -> Bins:
    """The values of one source; NaN is no value. bounds: of the rule, where there is one."""
    known = values[~np.isnan(values)]
    ends = edges.edges
    counts, _ = np.histogram(known, ends)
    kept = np.zeros(0, np.int64)
    if bounds is not None:
        kept, _ = np.histogram(known[~outside(known, bounds)], ends)
    return Bins(
        edges=tuple(ends.tolist()),
        counts=tuple(counts.tolist()),
        scale=edges.scale,
        without=len(values) - len(known),
        below=int((known < ends[0]).sum()),
        above=int((known > ends[-1]).sum()),
        kept=tuple(kept.tolist()),
    )


def _borders(bounds: Bounds, *, whole: bool) -> tuple[float, ...]:
    low, high = (None if end is None else min(max(end, -HUGE), HUGE) for end in bounds)
    if whole:
        low = None if low is None else math.ceil(low)
        high = None if high is None else math.floor(high) + 1
    return tuple(dict.fromkeys(float(end) for end in (low, high) if end is not None))


def _range(known: F64, borders: Sequence[float]) -> tuple[float, float]:
    """Ends of the values, without the few that are far from all others, and of the borders; a
    quarter of that width beyond a border, where there are values."""
    if not len(known):
        return min(borders, default=0.0), max(borders, default=1.0)
    least, most = low, high = float(known.min()), float(known.max())
    near_low, near_high = np.quantile(known, [TRIM, 1 - TRIM]).tolist()
    width = near_high - near_low
    low = near_low if near_low - low > width / 2 > 0 else low
    high = near_high if high - near_high > width / 2 > 0 else high
    low, high = min([low, *borders]), max([high, *borders])
    beyond = (high - low) / 4
    for border in borders:
        low = min(low, max(least, border - beyond))
        high = max(high, min(most, border + beyond))
    return low, high


def _scale(middle: F64, borders: Sequence[float], high: float, far: float) -> Scale:
    """By powers where nearly all is positive, over a wide range, and most of it in the low part."""
    positive = middle[middle > 0]
    if len(positive) < max(1, 0.9 * len(middle)) or min([1.0, *borders]) <= 0:
        return "linear"
    first = min([float(positive.min()), *borders])
    skewed = float(np.median(positive)) < high / 10
    return "log" if high / first >= far and skewed else "linear"


def _grid(low: float, high: float, anchor: float, *, whole: bool = False) -> F64:
    """Equal steps from low to at least high, one of them at the anchor between them; where that is
    next to low, from a step below it."""
    step = (high - low) / BINS
    if whole:
        step = max(1.0, float(math.ceil(step)))
        first = math.ceil((anchor - low) / step)
    else:
        first = round((anchor - low) / step)
        step = (anchor - low) / first if first else step
        first += first == 0 and anchor > low
    last = max(math.ceil((high - anchor) / step - 1e-9), 1 - first)
    return np.asarray(anchor + step * np.arange(-first, last + 1))
