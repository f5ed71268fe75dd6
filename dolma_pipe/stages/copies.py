"""From token quotas to copies of documents: buckets, who gets one more copy, the order of all.

Arithmetic on arrays. Every choice is a hash of the seed and the document, so it does not depend on
shards, workers or order.
"""

import hashlib
import math
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import I64, U16, U64

BUCKETS = 20
CODES = 1 << 16


class Copies(NamedTuple):
    """copies: uint16[documents]. got: int64[buckets], tokens of all copies."""

    copies: U16
    got: I64


class Part(NamedTuple):
    """One output file: all copies whose hash lies in [first_hash, last_hash]."""

    first_hash: int
    last_hash: int
    documents: int
    tokens: int


def key_of(seed: int, *purpose: Any) -> int:
    """64 bits that make the random choices of one purpose."""
    content = msgspec.json.encode([seed, *purpose])
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def keyed(hashes: U64, key: int) -> U64:
    """A permutation of the 64-bit numbers chosen by key (xor, then MurmurHash3's finaliser)."""
    x = hashes ^ np.uint64(key)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


def copy_hashes(hashes: U64, seed: int, source: str, copy: int) -> U64:
    """Place in the order of the source for copies number `copy`: those of a document lie apart."""
    return keyed(hashes, key_of(seed, "order", source, copy))


def buckets_of_codes(histogram: I64) -> I64:
    """Bucket of each score code, int64[codes]; numbered from 0, worst first, none empty.

    histogram: int64[codes], tokens by code. A code goes to the twentieth of all tokens in which its
    middle lies; ties stay together, so buckets are unequal and some twentieths have none.
    """
    total = int(histogram.sum())
    middle = 2 * (np.cumsum(histogram) - histogram) + histogram
    nominal = np.minimum(BUCKETS - 1, BUCKETS * middle // max(1, 2 * total))
    filled = histogram > 0
    number = np.zeros(len(histogram), np.int64)
    number[filled] = np.unique(nominal[filled], return_inverse=True)[1]
    return number


def choose_copies(
    tokens: I64, buckets: I64, quotas: I64, hashes: U64, *, most: float, seed: int, source: str
) -> Copies:
    """Whole repeats of each bucket, and one copy more of some documents by ascending hash.

    tokens, buckets, hashes: [documents]; quotas: int64[buckets] tokens. What a bucket misses or
    exceeds is carried to the next, best bucket first (the worst is least likely to be at its cap),
    so that the sum misses the quotas' by half a document at most. No document has more than
    ceil(most) copies.
    """
    copies = np.zeros(len(tokens), np.uint16)
    got = np.zeros(len(quotas), np.int64)
    carry = 0
    for bucket in range(len(quotas) - 1, -1, -1):
        quota = int(quotas[bucket])
        if quota == 0:
            continue
        rows = np.flatnonzero(buckets == bucket)
        available = int(tokens[rows].sum())
        whole, extra = divmod(quota, available)
        copies[rows] = whole
        got[bucket] = whole * available
        wanted = extra + carry
        if wanted > 0 and whole < math.ceil(most):
            key = key_of(seed, "extra", source, bucket)
            order = rows[np.argsort(keyed(hashes[rows], key), kind="stable")]
            totals = np.concatenate([[0], np.cumsum(tokens[order])])
            count = int(np.argmin(np.abs(totals - wanted)))
            copies[order[:count]] += 1
            got[bucket] += totals[count]
            wanted -= int(totals[count])
        carry = wanted
    return Copies(copies, got)


def cut_parts(
    tokens: I64, copies: U16, hashes: U64, *, seed: int, source: str, max_tokens: int
) -> list[Part]:
    """Cut the order of all copies into files of at most max_tokens; a longer document has its own.

    Copies with an equal hash (equal ids in different shards) stay in one file.
    """
    places = []
    sizes = []
    for copy in range(int(copies.max(initial=0))):
        rows = np.flatnonzero(copies > copy)
        places.append(copy_hashes(hashes[rows], seed, source, copy))
        sizes.append(tokens[rows])
    if not places:
        return []
    place = np.concatenate(places)
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
    ends = np.append(first[1:], len(place))  # groups of equal hashes
    totals = np.cumsum(np.concatenate(sizes)[order])[ends - 1]
    parts: list[Part] = []
    start, before = 0, 0
    while start < len(first):
        end = max(start + 1, int(np.searchsorted(totals, before + max_tokens, "right")))
        documents, after = int(ends[end - 1] - first[start]), int(totals[end - 1])
        span = int(place[first[start]]), int(place[first[end - 1]])
        parts.append(Part(*span, documents, after - before))
        start, before = end, after
    return parts
