"""The picture: rows of panels over one x axis, the same for all runs."""

from collections.abc import Sequence
from typing import Any

from dolma_pipe.train.plots.axes import finish
from dolma_pipe.train.plots.curves import SMALL, draw_loss, draw_small
from dolma_pipe.train.plots.evaluations import draw_evaluations, panels_of
from dolma_pipe.train.plots.read import Axis, Run

WIDTH, LEFT, RIGHT, BESIDE = 13.0, 0.8, 0.3, 2.9
"""Inches: of all, of the margins, of the legend beside a wide panel."""
ABOVE, BELOW, EDGE = 0.35, 0.55, 0.1
"""Inches: for a panel's title, for its x axis, around all."""
LOSS_HEIGHT, SMALL_HEIGHT, EVALUATION_HEIGHT = 3.6, 1.9, 2.9


class _Rows:
    """Rows from the top of a figure down."""

    def __init__(self, heights: Sequence[float]) -> None:
        from matplotlib.figure import Figure

        self._height = 2 * EDGE + sum(heights) + (ABOVE + BELOW) * len(heights)
        self._top = self._height - EDGE
        self.figure: Any = Figure(figsize=(WIDTH, self._height), dpi=110, facecolor="white")

    def add(self, inches: float, boxes: Sequence[tuple[float, float]]) -> list[Any]:
        """Axes of a row, each from left on and so wide."""
        bottom = self._top - ABOVE - inches
        self._top = bottom - BELOW
        place = (bottom / self._height, inches / self._height)
        return [
            self.figure.add_axes((left / WIDTH, place[0], width / WIDTH, place[1]))
            for left, width in boxes
        ]


def picture(runs: Sequence[Run], axis: Axis) -> Any:
    """A matplotlib Figure of all runs together."""
    small = [name for name in SMALL if any(name in run.curves for run in runs)]
    pairs = [small[at : at + 2] for at in range(0, len(small), 2)]
    panels = panels_of(runs)
    heights = [SMALL_HEIGHT] * len(pairs) + [EVALUATION_HEIGHT] * len(panels)
    rows = _Rows([LOSS_HEIGHT, *heights])
    ends = (min(run.ends[0] for run in runs), max(run.ends[1] for run in runs))
    wide = [(LEFT, WIDTH - LEFT - BESIDE)]
    half = (WIDTH - 2 * LEFT - RIGHT) / 2
    [axes] = rows.add(LOSS_HEIGHT, wide)
    finish(axes, draw_loss(axes, runs), ends, axis)
    for pair in pairs:
        boxes = [(LEFT, half), (2 * LEFT + half, half)][: len(pair)]
        for axes, name in zip(rows.add(SMALL_HEIGHT, boxes), pair, strict=True):
            draw_small(axes, runs, name)
            finish(axes, SMALL[name], ends, axis)
    for panel in panels:
        [axes] = rows.add(EVALUATION_HEIGHT, wide)
        finish(axes, draw_evaluations(axes, runs, panel), ends, axis)
    return rows.figure
