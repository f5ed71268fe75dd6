"""The order of all copies of all documents: each copy has a place of its own, a keyed hash."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U16, U64, inlined, kernel

FIRST, SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
SHIFT = np.uint64(33)


@inlined
def finalised(x: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finaliser: a permutation of the 64-bit numbers."""
    x = (x ^ (x >> SHIFT)) * FIRST
    x = (x ^ (x >> SHIFT)) * SECOND
    return x ^ (x >> SHIFT)


@kernel
def copies_between(
    hashes: U64,
    copies: U16,
    keys: U64,
    first: np.uint64,
    last: np.uint64,
    places: U64,
    documents: I64,
) -> int:
    """Collect the copies whose place lies in [first, last], by document, then copy.

    hashes: uint64[documents], copies: uint16[documents], keys: uint64[most copies], one a copy.
    Fills places (uint64) and documents (int64) and returns how many there are; where they do not
    fit, only counts.
    """
    count = 0
    for d in range(len(hashes)):
        for copy in range(copies[d]):
            place = finalised(hashes[d] ^ keys[copy])
            if first <= place <= last:
                if count < len(places):
                    places[count] = place
                    documents[count] = d
                count += 1
    return count
