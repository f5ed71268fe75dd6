"""The slow twin of mixers/quality.py: the published solver, with numeric quadrature."""

import math
from itertools import pairwise

from scipy.integrate import quad


def area(power: float, rate: float, start: float, end: float) -> float:
    """Of t^power exp(rate t) between start and end."""
    value, _ = quad(lambda t: t**power * math.exp(rate * t), start, end, epsabs=1e-12, epsrel=1e-10)
    return float(value)


def factors(edges: list[float], first: int, ratio: float, cap: float) -> list[float]:
    """Repeats of each bucket: the largest p of the grid, then the largest lambda, under the cap."""
    begin = edges[first]
    kept = [edge - begin for edge in edges[first:]]

    def curve(power: float, rate: float) -> list[float]:
        scale = ratio / area(power, rate, 0.0, kept[-1])
        return [scale * area(power, rate, a, b) / (b - a) for a, b in pairwise(kept)]

    for step in range(19, -1, -1):
        power = 0.01 + step * 1.99 / 19
        if curve(power, 0.0)[-1] > cap * (1 + 1e-9):
            continue
        low, high = 0.0, 2.0
        if curve(power, high)[-1] <= cap:
            low = high
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if curve(power, middle)[-1] <= cap else (low, middle)
        return [0.0] * first + curve(power, low)
    return [0.0] * first + [ratio / kept[-1]] * (len(kept) - 1)
