"""Block tables: keys of 64-bit fingerprints such that any two within a radius share one.

Source: Manku, Jain and Das Sarma 2007, Detecting near-duplicates for web crawling, section 3. The
bits are cut into blocks; two fingerprints that differ in k bits agree on all but k blocks at least,
so there is a table for every choice of all blocks but k.
"""

from functools import cache
from itertools import combinations
from typing import NamedTuple

BITS = 64
KEY_BITS = 27
"""The least a key must have: with 10^9 fingerprints a key is shared by chance with seven others."""


class Tables(NamedTuple):
    """blocks: how many there are. masks: of each table, the bits that make its key."""

    blocks: int
    masks: tuple[int, ...]

    @property
    def key_bits(self) -> int:
        """Of the shortest key."""
        return min(mask.bit_count() for mask in self.masks)


@cache
def tables_for(radius: int) -> Tables:
    """The fewest blocks whose keys are long enough: 6 for radius 3, and so 20 tables."""
    blocks = radius + 1
    while (blocks - radius) * BITS < KEY_BITS * blocks:
        blocks += 1
    borders = [BITS * i // blocks for i in range(blocks + 1)]
    bits = [(1 << borders[i + 1]) - (1 << borders[i]) for i in range(blocks)]
    return Tables(blocks, tuple(sum(kept) for kept in combinations(bits, blocks - radius)))
