"""SimHash fingerprints (Charikar 2002): 64 bits of which similar texts share most.

A bit is 1 where more than half of the shingles of the text have a 1 in their hash. A shingle counts
once, however often it occurs: weighted by their frequency, a few common words decide, and unrelated
texts come out alike.
"""

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U8, U64, kernel
from dolma_pipe.kernels.shingles import Folding, fold_words, folding, hash_shingles, most_words

LANES = np.uint64(0x0101010101010101)
LANE_LIMIT = 255
"""Hashes that a byte counts."""


def fingerprints(text: U8, offsets: I64, shingle: int) -> U64:
    """uint64[documents]; 0 only where there is no shingle: what would be 0 becomes 1.

    shingle is in words.
    """
    found = np.zeros(len(offsets) - 1, np.uint64)
    words = np.empty(most_words(offsets), np.uint64)
    _fingerprints(text, offsets, shingle, folding(), words, found)
    return found


@kernel
def keep_distinct(values: U64, count: int, table: U64) -> tuple[int, U64]:
    """Move the first of each value to the front, in their order; returns how many there are.

    values: never 0. table: room to work in, of any size; a larger one is returned where it was too
    small.
    """
    size = 64
    while size < 2 * count:
        size *= 2
    if len(table) < size:
        table = np.zeros(size, np.uint64)
    else:
        table[:size] = 0
    distinct = 0
    for i in range(count):
        slot = np.int64(mixed64(values[i]) & np.uint64(size - 1))
        while table[slot] != values[i] and table[slot] != np.uint64(0):
            slot = (slot + 1) & (size - 1)
        if table[slot] == np.uint64(0):
            table[slot] = values[i]
            values[distinct] = values[i]
            distinct += 1
    return distinct, table


@kernel
def majority(values: U64, count: int) -> np.uint64:
    """The bits that more than half of values[:count] have."""
    ones = np.zeros(64, np.int64)
    for start in range(0, count, LANE_LIMIT):
        end = min(start + LANE_LIMIT, count)
        for k in range(8):  # eight bits at a time, each counted in a byte of its own
            lanes = np.uint64(0)
            for i in range(start, end):
                lanes += (values[i] >> np.uint64(k)) & LANES
            for j in range(8):
                ones[8 * j + k] += np.int64((lanes >> np.uint64(8 * j)) & np.uint64(LANE_LIMIT))
    bits = np.uint64(0)
    for b in range(64):
        if 2 * ones[b] > count:
            bits |= np.uint64(1) << np.uint64(b)
    return bits


@kernel
def _fingerprints(
    text: U8, offsets: I64, shingle: int, fold: Folding, words: U64, found: U64
) -> None:
    table = np.zeros(1024, np.uint64)
    for d in range(len(offsets) - 1):
        count = fold_words(text, offsets[d], offsets[d + 1], fold, words)
        shingles = hash_shingles(words, count, shingle)
        if shingles > 0:
            distinct, table = keep_distinct(words, shingles, table)
            found[d] = max(majority(words, distinct), np.uint64(1))
