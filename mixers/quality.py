"""Quality-aware upsampling: repeats rise with quality along a capped curve, by its closed form.

OLMo 3 report (arXiv 2512.13961, A.2.4), over the token-weighted quality CDF x in [0, 1]:
    f(x) = 0 below a, else C (x - a)^p exp(lambda (x - a)),  integral of f = Z / X,
    mean of f over the best bucket <= M.
The report integrates numerically in seconds; the integral is x^(p+1)/(p+1) 1F1(p+1; p+2; lambda x).
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from scipy.special import hyp1f1

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import F64, I64, Budget, Mixer, Portions, Repeats, Supply

POWERS = np.linspace(0.01, 2, 20)[::-1]  # the published grid of p; the largest feasible one is kept
MAX_LAMBDA = 2.0
NOTABLE = 0.05  # between the share to discard and the nearest bucket bound
TOLERANCE = 1e-6  # of the cap, when a power is tried


class Shape(NamedTuple):
    """A solved curve: its parameters and the mean repeats of each bucket, float64[buckets]."""

    power: float
    rate: float
    scale: float
    factors: F64


class Quality(Mixer, kw_only=True, frozen=True):
    """Parts are quality buckets, worst first."""

    max: Repeats = 7.0
    """Mean repeats of the best bucket, at most: M."""
    discard: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.4
    """Share of the tokens that is never used: a. The bucket bound nearest to it is taken."""

    def reach(self, supply: Supply) -> int:
        kept = supply.tokens[first_kept(edges_of(supply.tokens), self.discard) :]
        return int(self.max * int(kept.sum()) + 1e-9)

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        total, most = int(supply.tokens.sum()), self.reach(supply)
        wanted = min(total, most) if budget.tokens is None else budget.tokens
        if wanted > most:
            raise RecipeError(
                f"{wanted} tokens are out of reach: {most} is most"
                f" with max {self.max:g} and discard {self.discard:g}"
            )
        if wanted == 0:
            return Portions(np.zeros(len(supply.tokens)))
        edges = edges_of(supply.tokens)
        first = first_kept(edges, self.discard)
        shape = solve(edges, first, wanted / total, self.max)
        notes = [f"curve p = {shape.power:.4g}, lambda = {shape.rate:.4g}, C = {shape.scale:.4g}"]
        if abs(edges[first] - self.discard) > NOTABLE:
            notes.append(
                f"scores are too alike to discard {self.discard:.0%}: {edges[first]:.0%} it is"
            )
        return Portions(shape.factors * supply.tokens, tuple(notes))


def edges_of(tokens: I64) -> F64:
    """Bounds of the buckets on the token CDF, float64[buckets + 1] from 0 to 1."""
    ends = np.concatenate([[0.0], np.cumsum(tokens)])
    return np.asarray(ends / max(1.0, float(ends[-1])))


def first_kept(edges: F64, discard: float) -> int:
    """The first bucket that is used: real buckets are unequal, so the bound nearest to discard.

    The last bucket is always kept.
    """
    return int(np.argmin(np.abs(edges[:-1] - discard)))


def solve(edges: F64, first: int, ratio: float, cap: float) -> Shape:
    """The steepest curve of the published family that gives ratio = Z / X under the cap.

    Where even the flattest power of the grid breaks the cap but the same factor for all would not,
    that flat curve is taken (Z/X from 4.161 to 4.2 with 20 equal buckets, a = .4, M = 7).
    """
    kept = edges[first:] - edges[first]
    width, top = float(kept[-1]), float(kept[-1] - kept[-2])

    def best(power: float, rate: float) -> float:
        whole = _integral(power, rate, kept[-1:])[0]
        below = _integral(power, rate, kept[-2:-1])[0]
        return float(ratio / whole * (whole - below) / top)

    for power in POWERS.tolist():
        if best(power, 0.0) > cap + TOLERANCE:
            continue
        rate = MAX_LAMBDA if best(power, MAX_LAMBDA) <= cap else _bisect(best, power, cap)
        scale = ratio / _integral(power, rate, kept[-1:])[0]
        areas = scale * np.diff(_integral(power, rate, kept))
        return Shape(
            power, rate, float(scale), np.concatenate([np.zeros(first), areas / np.diff(kept)])
        )
    flat = ratio / width
    factors = np.concatenate([np.zeros(first), np.full(len(kept) - 1, flat)])
    return Shape(0.0, 0.0, flat, factors)


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
    return np.asarray(x ** (power + 1) / (power + 1) * hyp1f1(power + 1, power + 2, rate * x))
