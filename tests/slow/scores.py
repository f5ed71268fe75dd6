"""The slow twin of kernels/scores.py: whole arrays at once.

A map that looked at the data would make every shard depend on all others. This one is floating
point with 9 bits of mantissa (steps of 0.2 %) from 2^-20 to 2^32 on both sides of zero, mirrored
between 0.5 and 1, so that probabilities near 1 are told apart as well as those near 0.
"""

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U16

NO_SCORE = 0
"""Code of a document without a score: below every score."""
MANTISSA_BITS = 9
SMALLEST, LARGEST = 2.0**-20, 2.0**32  # scores are rounded to 1e-6 > 2^-20, so nothing is lost


def _magnitude(x: F64) -> I64:
    """Code of numbers >= 0: 0 below SMALLEST, then 512 steps for each doubling."""
    mantissa, exponent = np.frexp(np.clip(x, SMALLEST, LARGEST))  # mantissa in [0.5, 1)
    steps = np.floor((2 * mantissa - 1) * (1 << MANTISSA_BITS)).astype(np.int64)
    code = ((exponent.astype(np.int64) + 19) << MANTISSA_BITS) + steps + 1
    return np.where(x < SMALLEST, 0, code)


def _code(x: float) -> int:
    return int(_magnitude(np.array([x]))[0])


HALF, ONE, TOP = _code(0.5), _code(1.0), _code(LARGEST)
ZERO = TOP + 1  # codes of negative scores lie below, 1 is the lowest


def quantise(scores: F64) -> U16:
    """Codes of scores, uint16[documents]: of the same order, NaN below all.

    Magnitudes above 2^32 share a code.
    """
    x = np.round(np.clip(np.nan_to_num(scores, nan=0.0), -LARGEST, LARGEST), 6)
    size = _magnitude(np.abs(x))
    mirrored = 2 * HALF + 1 - _magnitude(np.round(1 - x, 6))
    codes = np.select(
        [x <= 0, x <= 0.5, x <= 1],
        [ZERO - size, ZERO + size, ZERO + mirrored],
        ZERO + 2 * HALF + 2 + size - ONE,
    )
    return np.where(np.isnan(scores), NO_SCORE, codes).astype(np.uint16)
