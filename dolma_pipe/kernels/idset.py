"""A set of 64-bit hashes in one array: eight bytes an id where a Python set takes a hundred."""

import numpy as np

from dolma_pipe.kernels.jit import U64, Bool, kernel


@kernel
def insert_all(table: U64, hashes: U64, seen: Bool) -> int:
    """Insert nonzero hashes; seen[i] says whether hashes[i] was there before. Returns how many
    were new.

    table: uint64[a power of two], 0 is free; the caller keeps it at most half full.
    """
    mask = np.uint64(len(table) - 1)
    added = 0
    for i in range(len(hashes)):
        key = hashes[i]
        slot = (key * np.uint64(0x9E3779B97F4A7C15)) & mask
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        seen[i] = table[slot] == key
        if not seen[i]:
            table[slot] = key
            added += 1
    return added


class IdSet:
    """Remembers ids by their 64-bit hash (two ids of a shard of 10^7 agree by chance once in
    370,000 shards)."""

    def __init__(self) -> None:
        self._table = np.zeros(1 << 10, np.uint64)
        self._count = 0

    def add(self, hashes: U64) -> Bool:
        """bool[n]: whether each hash was there already, earlier ones of the same call included."""
        hashes = np.maximum(hashes, np.uint64(1))  # 0 marks a free slot
        while 2 * (self._count + len(hashes)) > len(self._table):
            self._grow()
        seen = np.empty(len(hashes), np.bool_)
        self._count += insert_all(self._table, hashes, seen)
        return seen

    def _grow(self) -> None:
        old = self._table[self._table != 0]
        self._table = np.zeros(2 * len(self._table), np.uint64)
        insert_all(self._table, old, np.empty(len(old), np.bool_))
