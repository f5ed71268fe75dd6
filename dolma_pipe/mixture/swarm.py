"""Candidates for a swarm of proxy runs: Dirichlet draws around a prior, within the caps."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.programme import capped

RUNS = 5
"""Runs a domain (Olmix)."""
CONCENTRATION = (1.0, 10.0)
"""Of the Dirichlet draws, spread evenly on a log scale. RegMix (arXiv 2407.01492) and the code of
Olmix have 0.1 to 5, where many runs are one domain alone: see docs/mixing-fit.md."""
MIN_SHARE = 0.002
"""A smaller share becomes 0, as in the code of Olmix: it costs a run and says nothing."""
TRIES = 100
ALIKE = 0.01
"""Total variation distance below which two candidates are one."""


class Swarm(NamedTuple):
    """shares: float64[runs, domains], the first row is the prior, within the caps.

    projected: candidates beyond a cap after all tries, whose surplus went to other domains;
    redrawn: draws that were thrown away, beyond a cap or like an earlier one.
    """

    shares: F64
    projected: int
    redrawn: int


def draw(
    prior: F64,
    caps: F64,
    runs: int,
    *,
    seed: int,
    concentration: tuple[float, float] = CONCENTRATION,
    min_share: float = MIN_SHARE,
) -> Swarm:
    """The prior and `runs` candidates whose mean it is, but for caps and small shares.

    prior, caps: float64[domains]; caps sum to 1 at least.
    """
    draws = np.random.default_rng(seed)
    strengths = draws.permutation(np.geomspace(*concentration, runs))
    shares, projected, redrawn = [capped(prior, caps)], 0, 0
    for strength in strengths.tolist():
        for _ in range(TRIES):
            candidate = _candidate(draws, prior * strength, min_share)
            if (candidate <= caps).all() and _is_new(candidate, shares):
                break
            redrawn += 1
        else:
            redrawn -= 1  # the last one stays, projected
            projected += bool((candidate > caps).any())
            candidate = capped(candidate, caps)
        shares.append(candidate)
    return Swarm(np.array(shares), projected, redrawn)


def _candidate(draws: np.random.Generator, concentration: F64, min_share: float) -> F64:
    # log of Gamma(a) as Gamma(a + 1) U^(1/a): a tiny `a` would give 0 for all domains
    used = np.maximum(concentration, 1e-12)
    logs = np.log(draws.gamma(used + 1)) + np.log1p(-draws.random(len(used))) / used
    shares = np.where(concentration > 0, np.exp(logs - logs[concentration > 0].max()), 0.0)
    shares /= shares.sum()
    shares[shares < min(min_share, float(shares.max()))] = 0.0
    return np.asarray(shares / shares.sum())


def _is_new(candidate: F64, earlier: list[F64]) -> bool:
    distances = np.abs(np.array(earlier) - candidate).sum(axis=1) / 2
    return bool((distances >= ALIKE).all())
