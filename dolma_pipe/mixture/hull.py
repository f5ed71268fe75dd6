"""How far a mixture lies from what the runs have tried."""

import numpy as np
from scipy.optimize import linprog

from dolma_pipe.kernels.jit import F64


def distance_to_hull(shares: F64, runs: F64) -> float:
    """Share that would have to move for the mixture (float64[domains]) to be an average of runs
    (float64[runs, domains]): the total variation distance to their convex hull, a linear programme.
    """
    number, domains = runs.shape
    # variables: a weight for each run, then what moves for each domain
    cost = np.concatenate([np.zeros(number), np.full(domains, 0.5)])
    moves = -np.eye(domains)
    bounds = np.block([[runs.T, moves], [-runs.T, moves]])
    one = np.concatenate([np.ones(number), np.zeros(domains)])[None, :]
    limits = np.concatenate([shares, -shares])
    found = linprog(cost, A_ub=bounds, b_ub=limits, A_eq=one, b_eq=[1.0], method="highs")
    return max(0.0, float(found.fun))
