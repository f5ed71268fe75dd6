"""Scores as 16-bit codes of the same order, by one fixed map: a plan sorts codes, not floats.

A map that looked at the data would make every shard depend on all others. This one is floating
point with 9 bits of mantissa (steps of 0.2 %) from 2^-20 to 2^32 on both sides of zero, mirrored
between 0.5 and 1, so that probabilities near 1 are told apart as well as those near 0.
"""

import math

import numpy as np

from dolma_pipe.kernels.jit import F64, U16, inlined, kernel

NO_SCORE = 0
"""Code of a document without a score: below every score."""
MANTISSA_BITS = 9
SMALLEST, LARGEST = 2.0**-20, 2.0**32  # scores are rounded to 1e-6 > 2^-20, so nothing is lost

HALF = (19 << MANTISSA_BITS) + 1
"""Of the magnitude .5; those of 1 and of LARGEST follow."""
ONE = HALF + (1 << MANTISSA_BITS)
TOP = (52 << MANTISSA_BITS) + 1
ZERO = TOP + 1
"""Codes of negative scores lie below; 1 is the lowest."""


@inlined
def magnitude(x: float) -> int:
    """Code of a number >= 0: 0 below SMALLEST, then 512 steps for each doubling."""
    if x < SMALLEST:
        return 0
    mantissa, exponent = math.frexp(min(x, LARGEST))  # mantissa in [0.5, 1)
    steps = math.floor((2 * mantissa - 1) * (1 << MANTISSA_BITS))
    return ((exponent + 19) << MANTISSA_BITS) + steps + 1


@inlined
def rounded(x: float) -> float:
    """To six decimals, as numpy rounds."""
    return float(np.rint(x * 1e6) / 1e6)


@kernel
def score_codes(scores: F64, codes: U16) -> None:
    """Fill codes, uint16[documents], with those of float64 scores; NaN is NO_SCORE.

    Magnitudes above 2^32 share a code.
    """
    for i in range(len(scores)):
        score = scores[i]
        if math.isnan(score):
            codes[i] = NO_SCORE
            continue
        x = rounded(min(max(score, -LARGEST), LARGEST))
        if x <= 0:
            code = ZERO - magnitude(-x)
        elif x <= 0.5:
            code = ZERO + magnitude(x)
        elif x <= 1:
            code = ZERO + 2 * HALF + 1 - magnitude(rounded(1 - x))
        else:
            code = ZERO + 2 * HALF + 2 + magnitude(x) - ONE
        codes[i] = code
