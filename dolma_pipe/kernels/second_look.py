"""The second look at a component that is too costly to search exactly: a stricter MinHash inside.

Candidates are kept documents that share a band of a signature of the sets themselves; a document is
compared with those that share most. A removal is verified as ever, but a copy can be missed: all
that is done for a document has a bound, so the work is linear in the members of the component.
The published recipes do this to every component of more than 500 documents, with 200 bands of 31.
"""

from math import ceil, log

import numpy as np

from dolma_pipe.errors import UserError
from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import F64, I32, I64, U32, U64, kernel
from dolma_pipe.kernels.minhash import EMPTY, fill_bands, lower_signature, permutations
from dolma_pipe.kernels.overlap import SCALE, intersection_size, least_common, reaches

BANDS = 64
MOST_ROWS = 64

CROWD = 32
"""Kept documents that a key of a band names; who comes later is not found by this band."""

COMPARED = 64
"""Kept documents with which a document is compared at most."""


def rows_for(threshold: float) -> int:
    """Rows whose curve rises a fifth of the way from the threshold to 1: for .8, 24 rows (.84)."""
    rises = threshold + (1.0 - threshold) / 5
    if rises >= 1.0:
        return MOST_ROWS
    return min(max(ceil(log(BANDS) / -log(rises)), 1), MOST_ROWS)


def decide_by_bands(
    values: U64,
    starts: I64,
    ends: I64,
    threshold: float,
    first: int,
    kept_by: I64,
    similarity: F64,
) -> tuple[int, int]:
    """Decide documents `first` and later, in place, where those before are decided.

    As jaccard.decide_greedily. Returns pairs compared, and how many reached the threshold. Memory:
    600 bytes a kept document. Raises UserError beyond 33 million documents.
    """
    rows = rows_for(threshold)
    entries = len(starts) * BANDS
    if entries >= 1 << 31:  # links are int32
        raise UserError(
            f"{len(starts):,} documents hang together by what they share, above "
            f"{(1 << 31) // BANDS:,}: remove equal ones first, or take more rows or longer shingles"
        )
    size = 1 << max(6, (entries // 4).bit_length())
    multipliers, addends = permutations(BANDS * rows, 1)
    return _decide(
        values,
        starts,
        ends,
        threshold,
        first,
        rows,
        multipliers,
        addends,
        np.zeros(size, np.int32),
        np.empty(entries, np.int32),
        np.empty(entries, np.uint32),
        kept_by,
        similarity,
    )


@kernel
def _decide(
    values: U64,
    starts: I64,
    ends: I64,
    threshold: float,
    first: int,
    rows: int,
    a: U32,
    b: U32,
    heads: I32,
    following: I32,
    tags: U32,
    kept_by: I64,
    similarity: F64,
) -> tuple[int, int]:
    """Kept document d has entries d * BANDS + band of following and tags; links are entry + 1."""
    documents = len(starts)
    needed = max(threshold - 1 / SCALE, 0.0)
    signature, keys = np.empty(len(a), np.uint32), np.empty(BANDS, np.uint64)
    slots, crowds = np.empty(BANDS, np.int64), np.empty(BANDS, np.int64)
    seen, shared = np.full(documents, -1, np.int32), np.zeros(documents, np.int32)
    met = np.empty(BANDS * CROWD, np.int64)
    compared = similar = 0
    for d in range(documents):
        if kept_by[d] >= 0:
            continue
        one = values[starts[d] : ends[d]]
        signature[:] = EMPTY
        lower_signature(signature, one, len(one), a, b)
        fill_bands(signature, rows, keys)
        count = 0
        for band in range(BANDS):
            key = mixed64(keys[band] + np.uint64(band))
            keys[band] = key
            slots[band] = np.int64(key & np.uint64(len(heads) - 1))
            crowds[band] = 0
            entry = np.int64(heads[slots[band]]) - 1
            while entry >= 0:
                if tags[entry] == np.uint32(key >> np.uint64(32)):
                    crowds[band] += 1
                    kept = np.int64(entry // BANDS)
                    if seen[kept] != d:
                        seen[kept], shared[kept] = np.int32(d), np.int32(0)
                        met[count] = kept
                        count += 1
                    shared[kept] += np.int32(1)
                entry = np.int64(following[entry]) - 1
        if d >= first:
            for i in range(count):  # those that share most bands first, of equals the first
                met[i] += np.int64(BANDS - shared[met[i]]) << 40
            met[:count].sort()
            best = -1.0
            for i in range(min(count, COMPARED)):
                place = met[i] & ((1 << 40) - 1)
                other = values[starts[place] : ends[place]]
                compared += 1
                least = least_common(len(one), len(other), needed)
                common = intersection_size(one, other, least)
                jaccard = common / (len(one) + len(other) - common)
                if common < 0 or not reaches(jaccard, threshold):
                    continue
                similar += 1
                if jaccard > best or (jaccard == best and place < kept_by[d]):
                    best = jaccard
                    kept_by[d] = place
            if kept_by[d] >= 0:
                similarity[d] = best
                continue
        for band in range(BANDS):
            if crowds[band] < CROWD:
                entry = np.int64(d * BANDS + band)
                tags[entry] = np.uint32(keys[band] >> np.uint64(32))
                following[entry] = heads[slots[band]]
                heads[slots[band]] = np.int32(entry + 1)
    return compared, similar
