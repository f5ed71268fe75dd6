"""Stretches to cut out of texts: merged, and one set found in what another one left."""

import numpy as np

from dolma_pipe.kernels.jit import I64, kernel


@kernel
def merge(rows: I64, starts: I64, ends: I64, documents: int) -> tuple[I64, I64, I64]:
    """Offsets (int64[documents + 1]), starts and ends of the union; sorted by row, then start.

    Stretches that overlap or touch become one; empty ones are nothing.
    """
    offsets = np.zeros(documents + 1, np.int64)
    firsts, lasts = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    n = 0
    row = -1
    for k in range(len(rows)):
        if starts[k] >= ends[k]:
            continue
        if rows[k] == row and starts[k] <= lasts[n - 1]:
            lasts[n - 1] = max(lasts[n - 1], ends[k])
            continue
        row = rows[k]
        firsts[n], lasts[n] = starts[k], ends[k]
        n += 1
        offsets[row + 1] += 1
    for d in range(documents):
        offsets[d + 1] += offsets[d]
    return offsets, firsts[:n].copy(), lasts[:n].copy()


@kernel
def compose(
    before: I64, starts: I64, ends: I64, after: I64, later_starts: I64, later_ends: I64
) -> tuple[I64, I64, I64]:
    """Both sets in the coordinates of the whole text; the later one was found in what is left.

    before, after: int64[documents + 1], the offsets of the two. A later stretch that spans a place
    where something was cut swallows that cut.
    """
    rows = np.empty(len(starts) + len(later_starts), np.int64)
    firsts, lasts = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    n = 0
    for d in range(len(before) - 1):
        k = before[d]
        shift = 0  # bytes cut so far: whole text = what is left + shift
        for j in range(after[d], after[d + 1]):
            while k < before[d + 1] and starts[k] - shift <= later_starts[j]:
                rows[n], firsts[n], lasts[n] = d, starts[k], ends[k]
                n += 1
                shift += ends[k] - starts[k]
                k += 1
            first = later_starts[j] + shift
            while k < before[d + 1] and starts[k] - shift < later_ends[j]:
                shift += ends[k] - starts[k]
                k += 1
            rows[n], firsts[n], lasts[n] = d, first, later_ends[j] + shift
            n += 1
        while k < before[d + 1]:
            rows[n], firsts[n], lasts[n] = d, starts[k], ends[k]
            n += 1
            k += 1
    return merge(rows[:n], firsts[:n], lasts[:n], len(before) - 1)
