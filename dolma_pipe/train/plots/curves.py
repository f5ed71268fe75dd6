"""Panels of what every step tells: loss, learning rate, gradient norm, speed."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dolma_pipe.train.metrics.file import GRAD_NORM, LOSS, LR, MFU, SPEED
from dolma_pipe.train.plots.axes import (
    GREY,
    Named,
    colour,
    dashes,
    format_y,
    legend,
    limits,
    not_shown,
    sparse,
)
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
"""That part of a run."""
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
            ring: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour(number)}
            ring |= {"markersize": 5, "markeredgewidth": 1.3, "zorder": 4} | sparse(points.x)
            axes.plot(points.x, points.y, "o", **ring)
    marks = draw_marks(axes, runs)
    if any(held_out_loss(run) for run in runs):
        shape = Line2D([], [], color=GREY, marker="o", linestyle="", markerfacecolor="white")
        marks = [(shape, "held-out text"), *marks]
    title = "Training loss, nats a token"
    if found := _limits(runs):
        axes.set_ylim(*found)
        _mark_above(axes, runs, found[1])
        title += not_shown([r.curves[LOSS].high for r in runs if LOSS in r.curves], found[1])
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
        named.append((Line2D([], [], color=GREY, **cross), f"skipped steps: {count:,}"))
    if count := sum(len(run.restarts) for run in runs):
        named.append((Line2D([], [], color=GREY, **dots), f"restarts: {count:,}"))
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
    """Of the loss: decided by the raw values without the first part and the outermost 0.5 %, the
    smooth ones and held-out text."""
    deciding, every = [], []
    for run in runs:
        late = late_in(run)
        if points := held_out_loss(run):
            deciding.append(points.y[points.x >= late])
            every.append(points.y)
        if series := run.curves.get(LOSS):
            after = series.x >= late
            outer = np.concatenate([series.low[after], series.high[after]])
            if np.isfinite(outer).any():
                deciding += [series.smooth[after], np.nanquantile(outer, [0.005, 0.995])]
            every += [series.low, series.high]
    return limits(deciding, every)


def _mark_above(axes: Any, runs: Sequence[Run], top: float) -> None:
    """Triangles where raw values are above the axis, but not for the first part."""
    for number, run in enumerate(runs):
        if series := run.curves.get(LOSS):
            x = _thinned(series.x[(series.high > top) & (series.x >= late_in(run))])
            style = {"color": colour(number), "clip_on": False, "zorder": 5}
            above = axes.get_xaxis_transform()
            axes.plot(x, [0.985] * len(x), "^", transform=above, markersize=4, **style)


def late_in(run: Run) -> float:
    """x after the first part of a run, whose values do not decide what an axis shows."""
    return run.ends[0] + EARLY * (run.ends[1] - run.ends[0])


def _dot(series: Series) -> str:
    return "." if len(series.x) == 1 else ""


def _thinned(x: Floats) -> Floats:
    """At most MARKS of them."""
    return x[:: max(1, -(-len(x) // MARKS))]
