"""As many points as a picture can show: a mean, the lowest and the highest of each column."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COLUMNS = 1200
"""Of a panel as wide as the picture, about one a pixel."""
SMOOTHED = 100
"""The window of the thick line is this part of all steps."""


class Series(NamedTuple):
    """float64[k], k up to COLUMNS, by x. x and mean: of the finite values of a column, else NaN.
    low, high: its extremes. smooth: the mean of a window of steps around each."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    smooth: Floats


def reduce(x: Floats, y: Floats) -> Series:
    """x: float64[n], ascending. y: float64[n]; what is not finite counts as missing."""
    y = np.where(np.isfinite(y), y, np.nan)
    smooth = rolling_mean(y, max(1, len(y) // SMOOTHED))
    if len(x) <= COLUMNS:
        return Series(x, y, y, y, smooth)
    span = max(x[-1] - x[0], np.finfo(float).tiny)
    column = np.minimum((x - x[0]) / span * COLUMNS, COLUMNS - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=-1))

    def mean(values: Floats) -> Floats:
        there = np.add.reduceat(np.isfinite(values), starts, dtype=np.int64)
        sums = np.add.reduceat(np.nan_to_num(values, nan=0.0), starts)
        return _ratio(sums, there)

    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return Series(mean(x), mean(y), low, high, mean(smooth))


def rolling_mean(y: Floats, window: int) -> Floats:
    """The mean of the finite values among the `window` around each; NaN where there are none."""
    there = np.isfinite(y)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, y, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    at = np.arange(len(y))
    first = np.maximum(at - (window - 1) // 2, 0)
    last = np.minimum(at + window // 2 + 1, len(y))
    return _ratio(sums[last] - sums[first], counts[last] - counts[first])


def _ratio(sums: Floats, counts: NDArray[np.int64]) -> Floats:
    means = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
