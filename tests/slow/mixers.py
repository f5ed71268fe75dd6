"""The slow twins of share_mixer.py, unimax and monotone: one token or one source at a time."""

import math
from collections.abc import Sequence
from itertools import pairwise

from scipy.integrate import quad


def filled(weights: Sequence[float], caps: Sequence[float], wanted: float) -> list[float]:
    """Divide by weights; who would break the cap gets it, and the rest is divided once more."""
    full: set[int] = set()
    while True:
        left = wanted - sum(caps[i] for i in full)
        width = sum(weight for i, weight in enumerate(weights) if i not in full)
        shares = [
            caps[i] if i in full else weight / width * left if width else 0.0
            for i, weight in enumerate(weights)
        ]
        over = {i for i, share in enumerate(shares) if share > caps[i] + 1e-9}
        if not over:
            return shares
        full |= over


def unimax(sizes: Sequence[int], caps: Sequence[int], budget: float) -> list[float]:
    """Algorithm 1 of Chung et al. 2023; caps: sizes times the most epochs."""
    given = [0.0] * len(sizes)
    left = budget
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    for done, i in enumerate(order):
        uniform = left / (len(order) - done)
        given[i] = min(uniform, caps[i])
        left -= given[i]
    return given


def reachable(caps: Sequence[int], held: Sequence[float], budget: int) -> bool:
    """Whether caps and shares of at most held leave room for the budget."""
    room = sum(min(cap, share * budget) for cap, share in zip(caps, held, strict=True))
    return room >= budget - 1e-6


def monotone(edges: Sequence[float], ratio: float, cap: float, least: float) -> list[float]:
    """Mean of cap min(1, t / c)^p over each bucket; c by bisection, means by quadrature.

    edges: bounds of the kept buckets from 0 on.
    """
    width = edges[-1]
    power = max(least, cap * width / ratio - 1)

    def area(corner: float, start: float, end: float) -> float:
        def curve(x: float) -> float:
            return cap if x >= corner else cap * math.pow(x / corner, power)

        kink = [corner] if start < corner < end else None
        return float(quad(curve, start, end, points=kink, epsabs=1e-12, epsrel=1e-10)[0])

    low, high = 0.0, width
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle, 0.0, width) > ratio else (low, middle)
    return [area(high, a, b) / (b - a) for a, b in pairwise(edges)]
