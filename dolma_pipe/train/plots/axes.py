"""How axes look: colours for all eyes, 1.2M for 1,200,000, a legend beside the panel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dolma_pipe.train.metrics.numbers import short
from dolma_pipe.train.plots.reduce import Floats

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito 2008; without yellow, which does not show on white, and black, for averages."""
DASHES = ("-", "--", ":", "-.")
MARKERS = "osD^vPX<>*"
GREY = "#595959"
LISTED = 16
"""Names in a legend."""
LOG_FROM = 3.0
"""A logarithmic axis where the largest value is so many times the smallest."""

CUT_FROM = 1.5
"""A y axis is cut where all values span so many times those that decide."""
RINGS = 40
"""Marks on a curve, at most."""
Named = tuple[Any, str]
"""A line of a legend: what it shows, and its name."""


def colour(number: int) -> str:
    """Of the run, or source, of that number."""
    return COLOURS[number % len(COLOURS)]


def dashes(number: int) -> str:
    """Other ones when all colours are used."""
    return DASHES[number // len(COLOURS) % len(DASHES)]


def finish(axes: Any, title: str, ends: tuple[float, float], unit: str) -> None:
    """Title, grid, and the x axis that all panels have."""
    from matplotlib.ticker import FuncFormatter

    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, color="#E3E3E3", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    room = (ends[1] - ends[0]) * 0.01 or 1.0
    axes.set_xlim(ends[0] - room, ends[1] + room)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.set_xlabel(unit, fontsize=9)
    axes.tick_params(labelsize=9)


def format_y(axes: Any, values: Floats, *, log: bool = False, percent: bool = False) -> None:
    """Ticks that read like numbers; logarithmic where asked and the values span enough."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values = values[np.isfinite(values) & (values > 0)]
    span = values.max() / values.min() if len(values) else 1.0
    if log and span >= LOG_FROM:
        axes.set_yscale("log")
        subs = (1.0, 2.0, 5.0) if span < 1e3 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=10))
        axes.yaxis.set_minor_locator(NullLocator())
    told = _percent if percent else _plain
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value)))


def limits(deciding: Sequence[Floats], every: Sequence[Floats]) -> tuple[float, float] | None:
    """The y axis around the values that decide; None where all are hardly more, or none finite."""
    least, most = (np.concatenate([[], *values]) for values in (deciding, every))
    least, most = least[np.isfinite(least)], most[np.isfinite(most)]
    if not len(least) or np.ptp(most) < CUT_FROM * np.ptp(least):
        return None
    room = 0.06 * (np.ptp(least) or abs(least[0]) or 1.0)
    return float(least.min() - room), float(least.max() + room)


def not_shown(every: Sequence[Floats], top: float) -> str:
    """What a title says of values above the axis."""
    highest = max((np.max(v[np.isfinite(v)], initial=-np.inf) for v in every), default=-np.inf)
    return f"  (not shown: above {top:.3g}, up to {highest:.3g})" if highest > top else ""


def sparse(points: Floats) -> dict[str, Any]:
    """For plot: a mark only now and then where there are many points."""
    return {"markevery": max(1, -(-len(points) // RINGS))}


def _plain(value: float) -> str:
    """0.25, 7.7k, 3e-4."""
    if value and abs(value) < 1e-2:
        digits, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(digits):g}e{int(exponent)}"
    return short(value)


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def legend(axes: Any, named: Sequence[Named], marks: Sequence[Named] = ()) -> None:
    """Beside the panel: at most LISTED of what has names, and what marks mean."""
    from matplotlib.lines import Line2D

    entries = [*named[:LISTED]]
    if len(named) > LISTED:
        entries.append((Line2D([], [], linestyle=""), f"and {len(named) - LISTED} more"))
    handles, labels = zip(*entries, *marks, strict=True) if entries or marks else ((), ())
    if labels:
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.03), "borderaxespad": 0.0}
        axes.legend(handles, labels, frameon=False, fontsize=9, handlelength=2.4, **place)
