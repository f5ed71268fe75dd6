"""The scores that stand behind the codes of kernels/scores.py."""

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U16
from dolma_pipe.kernels.scores import HALF, MANTISSA_BITS, NO_SCORE, ONE, ZERO, score_codes


def quantise(scores: F64) -> U16:
    """Codes of scores, uint16[documents]: of the same order, NaN below all."""
    codes = np.empty(len(scores), np.uint16)
    score_codes(scores, codes)
    return codes


def scores_of(codes: U16) -> F64:
    """Scores with these codes, to 0.2 % of their distance from 0 (between 0.5 and 1: from 1),
    float64[codes]; NaN for NO_SCORE."""
    size = codes.astype(np.int64) - ZERO
    above = size - 2 * HALF - 2 + ONE
    scores = np.select(
        [size <= HALF, size <= 2 * HALF + 1],
        [np.sign(size) * _smallest(np.abs(size)), 1 - _smallest(2 * HALF + 1 - size)],
        _smallest(above),
    )
    return np.where(codes == NO_SCORE, np.nan, scores)


def _smallest(magnitudes: I64) -> F64:
    """The smallest number with each code of _magnitude."""
    steps = np.maximum(magnitudes - 1, 0)
    mantissa = 1 + (steps & ((1 << MANTISSA_BITS) - 1)) / (1 << MANTISSA_BITS)
    exponent = (steps >> MANTISSA_BITS) - 20
    return np.where(magnitudes <= 0, 0.0, np.ldexp(mantissa, exponent))
