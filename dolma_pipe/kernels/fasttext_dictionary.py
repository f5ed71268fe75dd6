"""The dictionary of a fastText model, read from its file."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, kernel


@kernel
def scan_entries(data: U8, position: int, starts: I64, ends: I64, counts: I64, kinds: U8) -> int:
    """Read entries (text, 0, count int64, kind byte); the position after, or -1 if cut short."""
    for entry in range(len(starts)):
        starts[entry] = position
        while position < len(data) and data[position] != 0:
            position += 1
        ends[entry] = position
        if position + 10 > len(data):
            return -1
        count = np.uint64(0)
        for byte in range(8):
            count |= np.uint64(data[position + 1 + byte]) << np.uint64(8 * byte)
        counts[entry] = np.int64(count)
        kinds[entry] = data[position + 9]
        position += 10
    return position
