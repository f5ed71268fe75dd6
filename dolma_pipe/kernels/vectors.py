"""Unit vectors in multiples of 2 ** -13: dot products are exact whole numbers on any machine."""

import numpy as np

from dolma_pipe.kernels.jit import F64, I16, kernel

UNIT = 8192
"""What stands for 1."""


@kernel
def unit_vectors(vectors: F64) -> I16:
    """int16[n, d]: each row by its length, in 1 / UNIT, rounded; 0 where all of it is 0.

    The sum of squares is taken in the order of the columns, so that all machines agree.
    """
    units = np.zeros(vectors.shape, np.int16)
    for i in range(vectors.shape[0]):
        squares = 0.0
        for k in range(vectors.shape[1]):
            squares += vectors[i, k] * vectors[i, k]
        if squares > 0.0:
            scale = UNIT / np.sqrt(squares)
            for k in range(vectors.shape[1]):
                units[i, k] = np.int16(np.rint(vectors[i, k] * scale))
    return units
