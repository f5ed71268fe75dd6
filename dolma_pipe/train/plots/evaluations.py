"""Panels of evaluations: a panel a metric, a line a source or task, of every run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dolma_pipe.train.plots.axes import (
    DASHES,
    GREY,
    MARKERS,
    Named,
    colour,
    dashes,
    format_y,
    legend,
    limits,
    not_shown,
    sparse,
)
from dolma_pipe.train.plots.curves import late_in
from dolma_pipe.train.plots.names import AVERAGES, TITLES, place_of, shown
from dolma_pipe.train.plots.read import Run

AVERAGED = tuple(AVERAGES.values())
REDUNDANT = ("/Perplexity", "/CrossEntropyLoss")
"""A perplexity is e to the cross entropy: not drawn beside it."""


def panels_of(runs: Sequence[Run]) -> list[str]:
    """Titles: bits per byte first, then tasks."""
    titles = {place_of(name).panel for run in runs for name in drawn(run)}
    order = list(TITLES.values())
    return sorted(titles, key=lambda t: (order.index(t) if t in order else len(order), t))


def drawn(run: Run) -> list[str]:
    """Names of its evaluations, but what another one says already."""
    least, most = REDUNDANT
    names = run.evaluations
    return [n for n in names if n.removesuffix(least) + most not in names or not n.endswith(least)]


def draw_evaluations(axes: Any, runs: Sequence[Run], panel: str) -> str:
    """One run: a colour a source. Several: a colour a run, dashes and marks a source. Returns the
    title."""
    from matplotlib.lines import Line2D

    curves = [
        (number, place, run.evaluations[name])
        for number, run in enumerate(runs)
        for name in drawn(run)
        if (place := place_of(name)).panel == panel
    ]
    labels = sorted({place.label for _, place, _ in curves}, key=lambda n: (n not in AVERAGED, n))
    plain = [label for label in labels if label not in AVERAGED]
    styles = {n: _style(plain.index(n), len(runs) > 1) for n in plain}
    styles |= {n: _average_style(n, len(runs) > 1) for n in labels if n in AVERAGED}
    for number, place, points in curves:
        style = styles[place.label] | ({"color": colour(number)} if len(runs) > 1 else {})
        axes.plot(points.x, points.y, **style, **sparse(points.x))
    chances = {place.label: place.chance for _, place, _ in curves if place.chance is not None}
    for chance in set(chances.values()):
        axes.axhline(chance, color=GREY, linewidth=1.0, linestyle=(0, (1, 3)))
    every = [points.y for *_, points in curves]
    format_y(axes, np.concatenate(every), log=panel == TITLES["Perplexity"])
    late = [points.y[points.x >= late_in(runs[number])] for number, _, points in curves]
    lowest = np.array([np.nanmin(y) for y in every if np.isfinite(y).any()])
    found = limits([*late, lowest], every) if axes.get_yscale() == "linear" else None
    if found:
        axes.set_ylim(*found)
    named: list[Named] = []
    for label in labels:
        guessing = f" (chance {chances[label]:.2g})" if label in chances else ""
        named.append((Line2D([], [], **styles[label]), shown(label) + guessing))
    legend(axes, named)
    return panel + (not_shown(every, found[1]) if found else "")


def _style(number: int, several: bool) -> dict[str, Any]:
    """Of a source or task; the colour is that of a run where there are several."""
    return {
        "color": GREY if several else colour(number),
        "linestyle": DASHES[number % len(DASHES)] if several else dashes(number),
        "linewidth": 1.3,
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 4,
    }


def _average_style(label: str, several: bool) -> dict[str, Any]:
    ink = GREY if several else "black"
    return {"color": ink, "linewidth": 2.2, "linestyle": DASHES[AVERAGED.index(label)]}
