"""From token quotas to copies of documents: buckets, and who gets one copy more.

Arithmetic on arrays. Every choice is a hash of the seed and the document, so it does not depend on
shards, workers or order.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U16, U32, U64
from dolma_pipe.stages.keyed import key_of, keyed


class Copies(NamedTuple):
    """copies: uint16[documents]. got: int64[parts], tokens of all copies."""

    copies: U16
    got: I64


def buckets_of_codes(histogram: I64, buckets: int) -> I64:
    """Bucket of each score code, int64[codes]; numbered from 0, worst first, none empty.

    histogram: int64[codes], tokens by code. A code goes to that of `buckets` equal parts of all
    tokens in which its middle lies; ties stay together, so buckets are unequal and some parts have
    none.
    """
    total = int(histogram.sum())
    middle = 2 * (np.cumsum(histogram) - histogram) + histogram
    nominal = np.minimum(buckets - 1, buckets * middle // max(1, 2 * total))
    filled = histogram > 0
    number = np.zeros(len(histogram), np.int64)
    number[filled] = np.unique(nominal[filled], return_inverse=True)[1]
    return number


def choose_copies(
    tokens: U32,
    parts: I32,
    quotas: I64,
    hashes: U64,
    *,
    most: Sequence[float],
    seed: int,
    source: str,
) -> Copies:
    """Whole repeats of each part, and one copy more of some documents by ascending hash.

    tokens (uint32), parts (-1: in none), hashes: [documents]; quotas: int64[parts] tokens; a part
    is a quality bucket of a group, worst first. What a part misses or exceeds is carried to the one
    before (the worst is least likely to be at its cap), so that the sum misses the quotas' by half
    a document at most. No document has more than ceil(most) copies.
    """
    copies = np.zeros(len(tokens), np.uint16)
    got = np.zeros(len(quotas), np.int64)
    narrow = parts.astype(np.int16) if len(quotas) < 1 << 15 else parts  # sorted by radix
    by_part = np.argsort(narrow, kind="stable")
    ends = np.searchsorted(parts[by_part], np.arange(len(quotas) + 1))
    carry, key = 0, key_of(seed, "extra", source)
    for part in range(len(quotas) - 1, -1, -1):
        quota = int(quotas[part])
        if quota == 0:
            continue
        rows = by_part[ends[part] : ends[part + 1]]
        available = int(tokens[rows].sum())
        whole, extra = divmod(quota, available)
        copies[rows] = whole
        got[part] = whole * available
        wanted = extra + carry
        if wanted > 0 and whole < math.ceil(most[part]):
            order = rows[np.argsort(keyed(hashes[rows], key), kind="stable")]
            taken = order[_fitting(tokens[order].astype(np.int64), wanted)]
            copies[taken] += 1
            extra = int(tokens[taken].sum())
            got[part] += extra
            wanted -= extra
        carry = wanted
    return Copies(copies, got)


def _fitting(tokens: I64, wanted: int) -> I64:
    """The first documents that fit, then the one of the others that comes nearest to what is left,
    if it comes nearer than none."""
    totals = np.cumsum(tokens)
    count = int(np.searchsorted(totals, wanted, "right"))
    left = wanted - (int(totals[count - 1]) if count else 0)
    misses = np.abs(tokens[count:] - left)
    last = [count + int(np.argmin(misses))] if len(misses) and misses.min() < left else []
    return np.concatenate([np.arange(count), np.array(last, np.int64)])
