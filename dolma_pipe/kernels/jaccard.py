"""Exact Jaccard of sets of shingle hashes, and the greedy decision which of a component go.

The decision looks at each document in survivor order and drops it only for its Jaccard with a
document already KEPT. The kept documents that can reach the threshold are found by prefix filtering
with a positional bound (PPJoin, Xiao et al. 2008): with the shingles of every document in one
global order, the rarest first, two sets of Jaccard >= t share a member among the first n - ceil(t
n) + 1 of each. Every pair found is then verified, so nothing is approximate. Where many documents
are just under the threshold this compares nearly all pairs: once a component has cost STEPS a
member, the rest of it is decided by kernels/second_look.py.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import F64, I32, I64, U64, inlined, kernel
from dolma_pipe.kernels.overlap import SCALE, intersection_size, least_common, reaches
from dolma_pipe.kernels.second_look import decide_by_bands

STEPS = 500
"""Steps a member that the exact search of a component may cost. All pairs of 330 documents cost
less: none but larger components get a second look."""

MEMBERS = 16 << 20
"""Members of a component that is searched exactly: in memory they take up to 50 bytes each."""


class Verdicts(NamedTuple):
    """Of the documents of one component, in survivor order.

    kept_by: int64[documents], the position of the most similar kept document (of equals the first),
    -1 for a kept one. similarity: float64[documents], their Jaccard, NaN for a kept one. compared,
    similar: pairs verified, and how many of them reached the threshold. looked_again: documents
    that the second look decided; it may have missed of what they are copies.
    """

    kept_by: I64
    similarity: F64
    compared: int
    similar: int
    looked_again: int = 0


def decide_greedily(values: U64, starts: I64, ends: I64, threshold: float) -> Verdicts:
    """Who stays in one component; document i, in survivor order, is values[starts[i]:ends[i]].

    values: uint64, never 0, sorted and distinct within a document; no document is empty. 0 <
    threshold <= 1.
    """
    kept_by, similarity = np.full(len(starts), -1, np.int64), np.full(len(starts), np.nan)
    done = compared = similar = 0
    if (ends - starts).sum() <= MEMBERS:
        done, compared, similar = _decide_exactly(
            values, starts, ends, threshold, kept_by, similarity
        )
    if done < len(starts):
        more = decide_by_bands(values, starts, ends, threshold, done, kept_by, similarity)
        compared, similar = compared + more[0], similar + more[1]
    return Verdicts(kept_by, similarity, compared, similar, len(starts) - done)


def _decide_exactly(
    values: U64, starts: I64, ends: I64, threshold: float, kept_by: I64, similarity: F64
) -> tuple[int, int, int]:
    """Returns how many documents it decided, and the pairs compared and similar."""
    needed = max(threshold - 1 / SCALE, 0.0)
    limit = STEPS * int((ends - starts).sum())
    room = _prefix_room(starts, ends, needed)
    firsts = np.zeros(len(starts) + 1, np.int64)
    slots, positions = np.empty(room, np.int32), np.empty(room, np.int32)
    table, counts = _count_members(values, starts, ends)
    _find_prefixes(values, starts, ends, needed, table, counts, firsts, slots, positions)
    size = len(table)
    del table, counts  # what follows takes as much
    index = size, firsts, slots, positions
    return _decide(values, starts, ends, threshold, limit, *index, kept_by, similarity)


@inlined
def _prefix(n: int, needed: float) -> int:
    return min(n, n - int(np.ceil(needed * n - 1e-9)) + 1)


@kernel
def _prefix_room(starts: I64, ends: I64, needed: float) -> int:
    room = 0
    for d in range(len(starts)):
        room += _prefix(ends[d] - starts[d], needed)
    return room


@inlined
def _slot(table: U64, value: np.uint64) -> np.int64:
    """Where the value stands in an open-addressing table, or the free slot (0) for it."""
    slot = np.int64(mixed64(value) & np.uint64(len(table) - 1))
    while table[slot] != value and table[slot] != np.uint64(0):
        slot = (slot + 1) & (len(table) - 1)
    return slot


@kernel
def _count_members(values: U64, starts: I64, ends: I64) -> tuple[U64, I32]:
    """A hash table of the values, and in how many documents each occurs; half full, it doubles."""
    table, counts = np.zeros(1024, np.uint64), np.zeros(1024, np.int32)
    distinct = 0
    for d in range(len(starts)):
        for i in range(starts[d], ends[d]):
            slot = _slot(table, values[i])
            if table[slot] == np.uint64(0):
                table[slot] = values[i]
                distinct += 1
            counts[slot] += np.int32(1)
            if 2 * distinct > len(table):
                wider, recounts = (
                    np.zeros(2 * len(table), np.uint64),
                    np.zeros(2 * len(table), np.int32),
                )
                for s in range(len(table)):
                    if table[s] != np.uint64(0):
                        slot = _slot(wider, table[s])
                        wider[slot], recounts[slot] = table[s], counts[s]
                table, counts = wider, recounts
    return table, counts


@kernel
def _find_prefixes(
    values: U64,
    starts: I64,
    ends: I64,
    needed: float,
    table: U64,
    counts: I32,
    firsts: I64,
    slots: I32,
    positions: I32,
) -> None:
    """The first values of each document in the global order, as slot and position.

    The order is by the number of documents that have the value, then by slot.
    A value of one document only meets no other: it counts as a position, but is left out.
    """
    n = longest = 0
    for d in range(len(starts)):
        longest = max(longest, ends[d] - starts[d])
    order = np.empty(longest, np.int64)
    for d in range(len(starts)):
        members = ends[d] - starts[d]
        for i in range(members):
            slot = _slot(table, values[starts[d] + i])
            order[i] = (int(counts[slot]) << 32) | slot
        ranked = order[:members]
        ranked.sort()
        for i in range(_prefix(members, needed)):
            if ranked[i] >> 32 > 1:
                slots[n] = np.int32(ranked[i] & 0xFFFFFFFF)
                positions[n] = np.int32(i)
                n += 1
        firsts[d + 1] = n


@kernel
def _decide(
    values: U64,
    starts: I64,
    ends: I64,
    threshold: float,
    limit: int,
    size: int,
    firsts: I64,
    slots: I32,
    positions: I32,
    kept_by: I64,
    similarity: F64,
) -> tuple[int, int, int]:
    """The greedy pass, until it has taken `limit` steps. Posting lists of kept documents lie in one
    array."""
    documents = len(starts)
    heads = np.zeros(size + 1, np.int64)
    for i in range(firsts[documents]):
        heads[slots[i] + 1] += 1
    for s in range(size):
        heads[s + 1] += heads[s]
    tails = heads[:size].copy()
    postings, places = np.empty(len(slots), np.int32), np.empty(len(slots), np.int32)
    seen = np.full(documents, -1, np.int64)
    needed = max(threshold - 1 / SCALE, 0.0)
    compared = similar = steps = 0
    for d in range(documents):
        if steps > limit:
            return d, compared, similar
        n = ends[d] - starts[d]
        best = -1.0
        for i in range(firsts[d], firsts[d + 1]):
            steps += tails[slots[i]] - heads[slots[i]]
            for p in range(heads[slots[i]], tails[slots[i]]):
                kept = int(postings[p])
                if seen[kept] == d:
                    continue
                seen[kept] = d
                m = ends[kept] - starts[kept]
                least = least_common(n, m, needed)
                if 1 + min(n - positions[i], m - places[p]) - 1 < least:
                    continue  # even if all that follows were common
                compared += 1
                steps += n + m
                common = intersection_size(
                    values[starts[d] : ends[d]], values[starts[kept] : ends[kept]], least
                )
                jaccard = common / (n + m - common)
                if common < 0 or not reaches(jaccard, threshold):
                    continue
                similar += 1
                if jaccard > best or (jaccard == best and kept < kept_by[d]):
                    best = jaccard
                    kept_by[d] = kept
        if kept_by[d] >= 0:
            similarity[d] = best
            continue
        for i in range(firsts[d], firsts[d + 1]):
            slot = slots[i]
            postings[tails[slot]], places[tails[slot]] = np.int32(d), positions[i]
            tails[slot] += 1
    return documents, compared, similar
