"""The best mixture under a law: a convex programme, solved with a certificate.

    min  sum_t w_t exp(A_t . x) + kl KL(x || prior)   s.t.  x >= 0,  sum x = 1,  x <= caps

(Olmix, arXiv 2602.12237.) scipy's SLSQP solves it; the distance to the optimum is bounded from
below by the same programme with its first term linearised at the solution, which has a closed form.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize

from dolma_pipe.kernels.jit import F64

GAP = 1e-9
"""Of the objective, to the true optimum; a solution within it is final."""
ROUNDS, STEPS = 12, 80
SMALLEST = 1e-12
"""Share below which the scale of a domain no longer follows its share."""


class Programme(NamedTuple):
    """slopes: float64[tasks, domains]; task_weights: float64[tasks], they sum to 1; prior and
    caps: float64[domains], caps at most 1 and with a sum of 1 at least; kl >= 0.

    A domain with prior 0 has share 0 where kl > 0.
    """

    slopes: F64
    task_weights: F64
    prior: F64
    caps: F64
    kl: float


class Solution(NamedTuple):
    """shares: float64[domains]; gap: at most so far above the smallest objective."""

    shares: F64
    gap: float


def solve(programme: Programme) -> Solution:
    """Every round starts at the last solution, in units in which KL is equally curved along all
    domains, until the gap is closed."""
    caps = np.where((programme.prior > 0) | (programme.kl == 0), programme.caps, 0.0)
    programme = programme._replace(caps=caps)
    shares = capped(programme.prior, caps)
    best = Solution(shares, _gap(programme, shares))
    for _ in range(ROUNDS):
        if best.gap <= GAP:
            break
        shares = _round(programme, best.shares)
        gap = _gap(programme, shares)
        if gap >= best.gap:
            break
        best = Solution(shares, gap)
    return best


def capped(shares: F64, caps: F64) -> F64:
    """The nearest shares below the caps in KL: what is cut off goes to the others by their shares.

    Where all others have share 0, it goes to them by their caps.
    """
    full = np.zeros(len(shares), bool)
    while True:
        left = 1.0 - float(caps[full].sum())
        rest = np.where(full, 0.0, shares)
        if rest.sum() <= 0:
            rest = np.where(full, 0.0, caps)
        fitted = np.where(full, caps, rest * (left / max(float(rest.sum()), 1e-300)))
        over = ~full & (fitted > caps)
        if not over.any():
            return np.asarray(fitted)
        full |= over


def _round(programme: Programme, start: F64) -> F64:
    scale = np.sqrt(np.maximum(start, SMALLEST))
    prior = np.maximum(programme.prior, 1e-300)
    lowest = np.where((programme.caps > 0) & (programme.kl > 0), 1e-15 * prior, 0.0)

    def objective(scaled: F64) -> tuple[float, F64]:
        shares = np.maximum(scaled * scale, 1e-300)
        losses = programme.task_weights * np.exp(programme.slopes @ shares)
        logs = np.log(shares / prior)
        value = losses.sum() + programme.kl * (shares @ logs)
        return float(value), (programme.slopes.T @ losses + programme.kl * (logs + 1)) * scale

    found = minimize(
        objective,
        start / scale,
        jac=True,
        method="SLSQP",
        bounds=np.column_stack([lowest, np.maximum(programme.caps, lowest)]) / scale[:, None],
        constraints={"type": "eq", "fun": lambda x: x @ scale - 1, "jac": lambda _: scale},
        options={"ftol": 1e-14, "maxiter": STEPS},
    )
    return capped(np.clip(found.x * scale, 0.0, programme.caps), programme.caps)


def _gap(programme: Programme, shares: F64) -> float:
    """How much the objective lies above its minimum at most: the first term is convex, so its
    tangent at shares, with the exact KL, is below it everywhere."""
    losses = programme.task_weights * np.exp(programme.slopes @ shares)
    gradient = programme.slopes.T @ losses
    lowest = _linear_minimum(programme, gradient)
    here, there = (
        float(gradient @ x) + programme.kl * divergence(x, programme.prior)
        for x in (shares, lowest)
    )
    return here - there


def _linear_minimum(programme: Programme, gradient: F64) -> F64:
    """argmin of gradient . x + kl KL(x || prior): x = min(cap, prior exp((v - gradient) / kl))."""
    caps, prior, kl = programme.caps, programme.prior, programme.kl
    if kl == 0:
        order = np.argsort(gradient, kind="stable")
        before = np.concatenate([[0.0], np.cumsum(caps[order])[:-1]])
        shares = np.empty(len(caps))
        shares[order] = np.clip(1.0 - before, 0.0, caps[order])
        return shares
    open_ = caps > 0

    def at(level: float) -> F64:
        exponents = np.minimum((level - gradient) / kl, 700.0)
        return np.where(open_, np.minimum(caps, prior * np.exp(exponents)), 0.0)

    low = float(np.nextafter(gradient[open_].min() - kl, -np.inf))  # there the sum is below 1
    # from here on a domain is at its cap
    at_caps = gradient[open_] + kl * np.log(caps[open_] / prior[open_])
    high = max(float(at_caps.max()), low)
    if at(high).sum() <= 1:
        return at(high)
    return at(float(brentq(lambda level: at(level).sum() - 1, low, high, xtol=1e-14)))


def divergence(shares: F64, prior: F64) -> float:
    """KL(shares || prior) in nats."""
    used = shares > 0
    return float(shares[used] @ np.log(shares[used] / np.maximum(prior[used], 1e-300)))
