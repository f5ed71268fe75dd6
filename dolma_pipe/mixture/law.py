"""How losses follow from a mixture: for each task  c + exp(w . x),  x the shares of the domains.

Log-linear law of Olmix (arXiv 2602.12237) after Data mixing laws (arXiv 2403.16952); since shares
sum to 1, w holds the scale, too. A task has domains + 1 parameters. Fitted by scipy's
trust-region least squares under a Huber loss from many starts.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.settings import HUBER

HIGHEST_EXPONENT = 50.0
BELOW = 1 - 1e-9
"""The floor c lies below the smallest loss by this factor at least."""
JITTER = 0.3
"""Standard deviation of the noise on w in every other start."""
TOLERANCE = 1e-10
MOST_STEPS = 200


class Law(NamedTuple):
    """floors: float64[tasks], c; slopes: float64[tasks, domains], w."""

    floors: F64
    slopes: F64

    def predict(self, shares: F64) -> F64:
        """float64[..., tasks] bits per byte of shares float64[..., domains]."""
        return np.asarray(self.floors + np.exp(_clipped(shares @ self.slopes.T)))


def fit_law(shares: F64, losses: F64, starts: int, seed: int, huber: float = HUBER) -> Law:
    """shares: float64[runs, domains], losses: float64[runs, tasks]; the best of so many starts."""
    draws = np.random.default_rng(seed)
    tasks = [_best(shares, loss, starts, draws, huber) for loss in losses.T]
    return Law(np.array([task[0] for task in tasks]), np.array([task[1:] for task in tasks]))


def refit(law: Law, shares: F64, losses: F64, weights: F64, huber: float = HUBER) -> Law:
    """The same from the law's own parameters, runs weighted by float64[runs]."""
    tasks = [
        _descend(shares, loss, np.concatenate([[floor], slopes]), weights, huber)[0]
        for loss, floor, slopes in zip(losses.T, law.floors, law.slopes, strict=True)
    ]
    return Law(np.array([task[0] for task in tasks]), np.array([task[1:] for task in tasks]))


def _best(shares: F64, loss: F64, starts: int, draws: np.random.Generator, huber: float) -> F64:
    """float64[domains + 1]: c, w. Starts differ in c, spread over [0, smallest loss)."""
    even = np.ones(len(loss))
    best, cost = np.empty(0), np.inf
    for number in range(starts):
        floor = float(loss.min()) * (number + draws.random()) / starts
        slopes = _slopes_at(floor, shares, loss)
        noise = draws.normal(0.0, JITTER, len(slopes))
        start = np.concatenate([[floor], slopes + noise * (number % 2)])
        found, reached = _descend(shares, loss, start, even, huber)
        if reached < cost:
            best, cost = found, reached
    return best


def _slopes_at(floor: float, shares: F64, loss: F64) -> F64:
    """w for a given c: linear in log(loss - c), weighted so that residuals are those of loss."""
    above = loss - floor
    found = np.linalg.lstsq(shares * above[:, None], np.log(above) * above, rcond=None)
    return np.asarray(found[0])


def _descend(shares: F64, loss: F64, start: F64, weights: F64, huber: float) -> tuple[F64, float]:
    """The minimum that a start leads to, and its cost."""
    top = float(loss.min()) * BELOW
    start = np.concatenate([[np.clip(start[0], 0.0, top)], start[1:]])
    free = np.full(shares.shape[1], np.inf)

    def residuals(parameters: F64) -> F64:
        return np.asarray(parameters[0] + np.exp(_clipped(shares @ parameters[1:])) - loss)

    def jacobian(parameters: F64) -> F64:
        rates = np.exp(_clipped(shares @ parameters[1:]))
        return np.column_stack([np.ones(len(loss)), rates[:, None] * shares])

    def weighted_huber(squares: F64) -> F64:
        """scipy's rho and its two derivatives by (residual / huber)^2, times the weights."""
        root = np.sqrt(np.maximum(squares, 1.0))
        rho = np.where(squares <= 1, squares, 2 * root - 1)
        second = np.where(squares <= 1, 0.0, -0.5 / root**3)
        return np.stack([rho, 1 / root, second]) * weights

    found = least_squares(
        residuals,
        start,
        jacobian,
        bounds=(np.concatenate([[0.0], -free]), np.concatenate([[top], free])),
        loss=weighted_huber,
        f_scale=huber,
        x_scale="jac",
        ftol=TOLERANCE,
        xtol=TOLERANCE,
        gtol=TOLERANCE,
        max_nfev=MOST_STEPS,
    )
    return np.asarray(found.x), float(found.cost)


def _clipped(exponents: F64) -> F64:
    return np.minimum(exponents, HIGHEST_EXPONENT)
