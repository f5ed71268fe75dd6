"""Quality-aware upsampling: repeats rise with quality along a capped curve, by its closed form.

OLMo 3 report (arXiv 2512.13961, A.2.4), over the token-weighted quality CDF x in [0, 1]:
    f(x) = 0 below a, else C (x - a)^p exp(lambda (x - a)),  integral of f = Z / X,
    mean of f over the best bucket <= M.
The report integrates numerically in seconds; the integral is x^(p+1)/(p+1) 1F1(p+1; p+2; lambda x).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dolma_pipe.curve_mixer import CurveMixer
from dolma_pipe.mixer import F64

POWERS = np.linspace(0.01, 2, 20)[::-1]  # the published grid of p; the largest feasible one is kept
MAX_LAMBDA = 2.0
TOLERANCE = 1e-9  # of the cap, when a power is tried


class Shape(NamedTuple):
    """A solved curve: its parameters, and the mean repeats of each kept bucket."""

    power: float
    rate: float
    scale: float
    repeats: F64


class Quality(CurveMixer, kw_only=True, frozen=True):
    """Parts are quality buckets, worst first.

    Concave where the target asks more than about half of what the cap allows (p < 1): `monotone`
    stays convex up to the cap.
    """

    def repeats(self, edges: F64, ratio: float) -> tuple[F64, tuple[str, ...]]:
        shape = solve(edges, ratio, self.max)
        told = f"curve p = {shape.power:.4g}, lambda = {shape.rate:.4g}, C = {shape.scale:.4g}"
        if shape.power == 0:
            return shape.repeats, (f"{told}: flat, as no power of the published grid is",)
        concave = shape.power < 1 and len(edges) > 2
        return shape.repeats, (told, "it is concave (curve: monotone is not)")[: 1 + concave]

    def heights(self, x: F64, edges: F64, ratio: float) -> F64:
        shape = solve(edges, ratio, self.max)
        return np.asarray(shape.scale * x**shape.power * np.exp(shape.rate * x))


def solve(edges: F64, ratio: float, cap: float) -> Shape:
    """The steepest curve of the published family that gives ratio = Z / X under the cap.

    edges: bounds of the kept buckets, 0 first. Where even the flattest power of the grid breaks the
    cap but the same factor for all would not, that flat curve is taken (Z/X from 4.161 to 4.2 with
    20 equal buckets, a = .4, M = 7).
    """
    width, top = float(edges[-1]), float(edges[-1] - edges[-2])

    def best(power: float, rate: float) -> float:
        whole = _integral(power, rate, edges[-1:])[0]
        below = _integral(power, rate, edges[-2:-1])[0]
        return float(ratio / whole * (whole - below) / top)

    for power in POWERS.tolist():
        if best(power, 0.0) > cap * (1 + TOLERANCE):
            continue
        rate = MAX_LAMBDA if best(power, MAX_LAMBDA) <= cap else _bisect(best, power, cap)
        scale = ratio / _integral(power, rate, edges[-1:])[0]
        areas = scale * np.diff(_integral(power, rate, edges))
        return Shape(power, rate, float(scale), areas / np.diff(edges))
    flat = ratio / width
    return Shape(0.0, 0.0, flat, np.full(len(edges) - 1, flat))


def _bisect(best: Callable[[float, float], float], power: float, cap: float) -> float:
    """The largest rate below MAX_LAMBDA whose best bucket stays within the cap."""
    low, high = 0.0, MAX_LAMBDA
    for _ in range(50):
        middle = (low + high) / 2
        if best(power, middle) <= cap:
            low = middle
        else:
            high = middle
    return low


def _integral(power: float, rate: float, x: F64) -> F64:
    """Of t^power exp(rate t) from 0 to x."""
    from scipy.special import hyp1f1  # a tenth of a second: not for who only reads a recipe

    return np.asarray(x ** (power + 1) / (power + 1) * hyp1f1(power + 1, power + 2, rate * x))
