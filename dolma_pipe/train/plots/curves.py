"""Panels of what every step tells: loss, learning rate, gradient norm, speed."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dolma_pipe.train.metrics_file import GRAD_NORM, LOSS, LR, MFU, SPEED
from dolma_pipe.train.plots.axes import GREY, Named, colour, dashes, format_y, legend
from dolma_pipe.train.plots.names import shown
from dolma_pipe.train.plots.read import Points, Run
from dolma_pipe.train.plots.reduce import Floats, Series

SMALL = {
    LR: "Learning rate",
    GRAD_NORM: "Gradient norm, before clipping",
    SPEED: "Tokens a second and device",
    MFU: "Model FLOPs utilisation",
}
"""Panels half as wide, in this order."""
EARLY = 0.05
"""The first part of a run, whose loss does not decide what the axis shows."""
CUT_FROM = 1.5
"""The axis is cut where all of the loss spans so many times what decides."""
MARKS = 400
"""Crosses, triangles or lines of one run."""


def draw_loss(axes: Any, runs: Sequence[Run]) -> str:
    """Loss of every run: raw thin, smoothed thick, held-out points. Returns the title."""
    from matplotlib.lines import Line2D

    named: list[Named] = []
    for number, run in enumerate(runs):
        if series := run.curves.get(LOSS):
            _raw(axes, series, number)
            style = {"color": colour(number), "linestyle": dashes(number), "marker": _dot(series)}
            [line] = axes.plot(series.x, series.smooth, linewidth=1.9, **style)
            named.append((line, shown(run.name)))
    for number, run in enumerate(runs):
        if points := held_out_loss(run):
            style = {"markerfacecolor": "white", "markeredgecolor": colour(number)}
            axes.plot(points.x, points.y, "o", markersize=5, markeredgewidth=1.3, zorder=4, **style)
    marks = draw_marks(axes, runs)
    if any(held_out_loss(run) for run in runs):
        ring = Line2D([], [], color=GREY, marker="o", linestyle="", markerfacecolor="white")
        marks = [(ring, "held-out text"), *marks]
    title = "Training loss, nats a token"
    if limits := _limits(runs):
        axes.set_ylim(*limits)
        title += _beyond(axes, runs, limits[1])
    format_y(axes, np.array(axes.get_ylim()))
    legend(axes, named, marks)
    return title


def draw_small(axes: Any, runs: Sequence[Run], name: str) -> None:
    """One of SMALL, of every run that has it."""
    values = []
    for number, run in enumerate(runs):
        if series := run.curves.get(name):
            _raw(axes, series, number, alpha=0.35)
            style = {"color": colour(number), "linestyle": dashes(number)}
            y = series.mean if name == LR else series.smooth
            axes.plot(series.x, y, linewidth=1.5, marker=_dot(series), **style)
            values += [series.low, series.high]
    every = np.concatenate(values)
    format_y(axes, every, log=name == GRAD_NORM, percent=name == MFU)
    if name != GRAD_NORM:
        axes.set_ylim(0, 1.12 * (np.nanquantile(every, 0.995) or 1.0))
    if name in (GRAD_NORM, SPEED):
        draw_marks(axes, runs, skipped=name == GRAD_NORM)


def draw_marks(axes: Any, runs: Sequence[Run], *, skipped: bool = True) -> list[Named]:
    """Crosses at the bottom for skipped steps, vertical lines for restarts; for the legend."""
    from matplotlib.lines import Line2D

    cross: dict[str, Any] = {"marker": "x", "markersize": 6, "linestyle": ""}
    dots: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (1, 2))}
    for number, run in enumerate(runs):
        if skipped:
            x = _thinned(run.skipped)
            place = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 5}
            axes.plot(x, [0.025] * len(x), color=colour(number), **cross, **place)
        for x in _thinned(run.restarts):
            axes.axvline(x, color=colour(number), zorder=1, **dots)
    named: list[Named] = []
    if (count := sum(len(run.skipped) for run in runs)) and skipped:
        named.append((Line2D([], [], color=GREY, **cross), f"{count:,} skipped"))
    if count := sum(len(run.restarts) for run in runs):
        named.append((Line2D([], [], color=GREY, **dots), f"{count:,} restarted"))
    return named


def held_out_loss(run: Run) -> Points | None:
    """The average over sources that the run wrote, or the mean of its sources."""
    found = {n: p for n, p in run.evaluations.items() if n.endswith("/CrossEntropyLoss")}
    average = found.get("eval/macro_average/CrossEntropyLoss")
    if average or not found:
        return average
    x = functools.reduce(np.intersect1d, [points.x for points in found.values()])
    return Points(x, np.mean([p.y[np.isin(p.x, x)] for p in found.values()], axis=0))


def _raw(axes: Any, series: Series, number: int, alpha: float = 0.3) -> None:
    """Every value where they fit, else from the lowest to the highest of a column of pixels."""
    if np.array_equal(series.low, series.high, equal_nan=True):
        axes.plot(series.x, series.mean, color=colour(number), linewidth=0.7, alpha=alpha)
    else:
        style = {"color": colour(number), "alpha": alpha, "linewidth": 0}
        axes.fill_between(series.x, series.low, series.high, **style)


def _limits(runs: Sequence[Run]) -> tuple[float, float] | None:
    """Of the loss: those of the raw values without the first part and the outermost 0.5 %, of the
    smooth ones and of held-out text. None: all that there is, where that is not much more."""
    kept, every = [np.empty(0)], [np.empty(0)]
    for run in runs:
        late = _late(run)
        if points := held_out_loss(run):
            kept.append(points.y[points.x >= late])
        if series := run.curves.get(LOSS):
            after = series.x >= late
            kept.append(series.smooth[after])
            every += [series.low, series.high]
            outer = np.concatenate([series.low[after], series.high[after]])
            if np.isfinite(outer).any():
                kept.append(np.nanquantile(outer, [0.005, 0.995]))
    values, all_values = (v[np.isfinite(v)] for v in map(np.concatenate, (kept, every)))
    if not len(values) or np.ptp(all_values) < CUT_FROM * np.ptp(values):
        return None
    room = 0.06 * (np.ptp(values) or abs(values[0]) or 1.0)
    return values.min() - room, values.max() + room


def _beyond(axes: Any, runs: Sequence[Run], top: float) -> str:
    """Triangles at the top where raw values are above. Returns what the title says of it."""
    highest = -np.inf
    for number, run in enumerate(runs):
        if series := run.curves.get(LOSS):
            highest = max(highest, np.nanmax(series.high))
            x = _thinned(series.x[(series.high > top) & (series.x >= _late(run))])
            style = {"color": colour(number), "clip_on": False, "zorder": 5}
            above = axes.get_xaxis_transform()
            axes.plot(x, [0.985] * len(x), "^", transform=above, markersize=4, **style)
    return f"  (not shown: above {top:.3g}, up to {highest:.3g})" if highest > top else ""


def _late(run: Run) -> float:
    return run.ends[0] + EARLY * (run.ends[1] - run.ends[0])


def _dot(series: Series) -> str:
    return "." if len(series.x) == 1 else ""


def _thinned(x: Floats) -> Floats:
    """At most MARKS of them."""
    return x[:: max(1, -(-len(x) // MARKS))]
