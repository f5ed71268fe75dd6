"""Overlap of two sorted sets, and whether their Jaccard reaches a threshold."""

import numpy as np

from dolma_pipe.kernels.jit import U64, inlined, kernel

SCALE = 1e6
"""Similarities are rounded to 1e-6 before they meet a threshold."""


@kernel
def intersection_size(one: U64, other: U64, least: int) -> int:
    """Common members of two sorted sets; -1 as soon as fewer than `least` is certain."""
    i = j = common = 0
    while i < len(one) and j < len(other):
        if common + min(len(one) - i, len(other) - j) < least:
            return -1
        x, y = one[i], other[j]
        common += int(x == y)
        i += int(x <= y)
        j += int(y <= x)
    return common if common >= least else -1


@inlined
def least_common(n: int, m: int, needed: float) -> int:
    """Common members without which sets of n and m do not reach this Jaccard."""
    return int(np.ceil(needed / (1.0 + needed) * (n + m) - 1e-9))


@inlined
def reaches(jaccard: float, threshold: float) -> bool:
    """Whether it does, both rounded."""
    return bool(np.floor(jaccard * SCALE + 0.5) >= np.floor(threshold * SCALE + 0.5))
