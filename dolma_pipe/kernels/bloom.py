"""Which of a stream of 64-bit hashes came before: Bloom filters (Bloom 1970), or exact sets.

The space of hashes is cut into equal stretches, each with a filter of its own that fits into a
cache. A Bloom filter's positions are an arithmetic progression from two more hashes (Kirsch and
Mitzenmacher 2008).
"""

import math
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import F64, I64, U64, Bool, kernel


class Filters(NamedTuple):
    """Filters stretch after stretch, from stretch `first` of 2 ** level.

    hashes: positions a hash has, 0 for exact sets. offsets: int64[filters + 1] into words, uint64:
    bits of a Bloom filter, or open addressing with 0 as free (a power of two). filled: int64, bits
    that are set (0 for sets). added: int64, hashes that were not found. expected: float64, the
    chances of a false positive, summed over the hashes that were not found.
    """

    level: int
    first: int
    hashes: int
    words: U64
    offsets: I64
    filled: I64
    added: I64
    expected: F64


def bits_a_hash(rate: float) -> float:
    """Bits of a Bloom filter for every hash, at this share of false positives when it is full."""
    return -math.log(rate) / math.log(2) ** 2


def positions_a_hash(rate: float) -> int:
    """Bits that a hash sets; 0 for exact sets."""
    return max(1, round(-math.log2(rate))) if rate > 0 else 0


def filters_for(level: int, first: int, items: I64, rate: float) -> Filters:
    """Empty filters for so many hashes each: int64[filters]; rate 0: exact sets."""
    if rate > 0:
        sizes = np.ceil(items * bits_a_hash(rate) / 64).astype(np.int64)
    else:
        sizes = 1 << np.ceil(np.log2(np.maximum(items, 1) * 1.5)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(sizes, 1))])
    words = np.zeros(int(offsets[-1]), np.uint64)
    filled, added = np.zeros(len(items), np.int64), np.zeros(len(items), np.int64)
    hashes = positions_a_hash(rate)
    return Filters(level, first, hashes, words, offsets, filled, added, np.zeros(len(items)))


def look_up_and_add(filters: Filters, hashes: U64) -> Bool:
    """bool[hashes]: whether each was there before. No hash is 0."""
    seen = np.zeros(len(hashes), np.bool_)
    if filters.hashes:
        _bloom(filters, hashes, seen)
    else:
        _exact(filters, hashes, seen)
    return seen


@kernel
def _bloom(filters: Filters, hashes: U64, seen: Bool) -> None:
    shift = np.uint64(63 - filters.level)
    for i in range(len(hashes)):
        f = np.int64((hashes[i] >> np.uint64(1)) >> shift) - filters.first
        start = filters.offsets[f]
        bits = np.uint64((filters.offsets[f + 1] - start) * 64)
        at = mixed64(hashes[i] ^ np.uint64(0x9E3779B97F4A7C15))
        step = mixed64(at) | np.uint64(1)
        new = 0
        chance = 1.0
        fill = filters.filled[f] / bits
        for _ in range(filters.hashes):
            place = (at >> np.uint64(32)) * bits >> np.uint64(32)  # bits < 2 ** 32
            word, bit = (
                start + np.int64(place >> np.uint64(6)),
                np.uint64(1) << (place & np.uint64(63)),
            )
            if (filters.words[word] & bit) == 0:
                filters.words[word] |= bit
                new += 1
            at += step
            chance *= fill
        seen[i] = new == 0
        filters.filled[f] += new
        if new > 0:
            filters.added[f] += 1
            filters.expected[f] += chance


@kernel
def _exact(filters: Filters, hashes: U64, seen: Bool) -> None:
    shift = np.uint64(63 - filters.level)
    for i in range(len(hashes)):
        f = np.int64((hashes[i] >> np.uint64(1)) >> shift) - filters.first
        start = filters.offsets[f]
        mask = np.uint64(filters.offsets[f + 1] - start - 1)
        slot = hashes[i] & mask
        while filters.words[start + np.int64(slot)] != 0:
            if filters.words[start + np.int64(slot)] == hashes[i]:
                seen[i] = True
                break
            slot = (slot + np.uint64(1)) & mask
        if not seen[i]:
            filters.words[start + np.int64(slot)] = hashes[i]
            filters.added[f] += 1
