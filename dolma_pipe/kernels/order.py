"""The order of all copies of all documents: each copy has a place of its own, a keyed hash."""

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U16, U64, kernel


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
            place = mixed64(hashes[d] ^ keys[copy])
            if first <= place <= last:
                if count < len(places):
                    places[count] = place
                    documents[count] = d
                count += 1
    return count
