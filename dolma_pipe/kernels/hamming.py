"""Pairs of 64-bit fingerprints within a Hamming radius: joined in buckets, or the nearest kept one.

Both are exact. Comparing all of n fingerprints costs n each; where the bits that vary allow fewer
patterns of at most `radius` changed bits, those are looked up in a hash table instead, so that no
cost is quadratic however alike the fingerprints are.
"""

from itertools import combinations
from math import comb

import numpy as np

from dolma_pipe.errors import UserError
from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I32, I64, U64, inlined, kernel

LOOKUP = 8
"""A lookup in a hash table costs about as much as so many comparisons."""

NO_PATTERNS = np.empty(0, np.uint64)


FEW = 64
"""Documents of a component that are all compared with each other."""


@inlined
def distance(one: np.uint64, other: np.uint64) -> np.int64:
    """How many bits differ; compiled to one popcnt."""
    x = one ^ other
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    fours = np.uint64(0x3333333333333333)
    x = (x & fours) + ((x >> np.uint64(2)) & fours)
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


def join_near(fingerprints: U64, starts: I64, ends: I64, radius: int) -> I64:
    """Edges that connect, bucket by bucket, whatever pairs within the radius connect.

    fingerprints: distinct within a bucket fingerprints[starts[i]:ends[i]]. Returns int64[edges, 2],
    places of the ends, at most the size of a bucket minus 1 for each.
    """
    _refuse_more(starts, ends)
    parents = np.arange(len(fingerprints))
    several = np.flatnonzero(ends - starts > 1)
    edges = np.empty((int((ends - starts - 1)[several].sum()), 2), np.int64)
    count = 0
    for first, last, patterns in _by_size(fingerprints, starts[several], ends[several], radius):
        some = slice(first, last)
        args = (starts[several][some], ends[several][some], radius, patterns)
        count = _join(fingerprints, *args, parents, edges, count)
    return edges[:count]


def _refuse_more(starts: I64, ends: I64) -> None:
    """Places in the tables are int32."""
    largest = int((ends - starts).max(initial=0))
    if largest >= (1 << 31) - 1:
        raise UserError(
            f"{largest:,} fingerprints hang together: remove equal documents first, or take a "
            "smaller radius"
        )


def _by_size(fingerprints: U64, starts: I64, ends: I64, radius: int) -> list[tuple[int, int, U64]]:
    """Runs of buckets that are compared pair by pair, and single ones with patterns to look up."""
    runs: list[tuple[int, int, U64]] = []
    done = 0
    for i in np.flatnonzero(ends - starts > 2 * LOOKUP * 64).tolist():  # 64 patterns and more
        patterns = patterns_within(fingerprints[starts[i] : ends[i]], radius)
        if len(patterns):
            runs += [(done, i, NO_PATTERNS), (i, i + 1, patterns)]
            done = i + 1
    return [*runs, (done, len(starts), NO_PATTERNS)]


def patterns_within(fingerprints: U64, radius: int) -> U64:
    """Every xor of two of these fingerprints within the radius, by distance, and others with them.

    Those that make up to `radius` of the bits that vary. Empty where comparing all is cheaper.
    """
    bits = _varying(fingerprints)
    wanted = sum(comb(len(bits), r) for r in range(radius + 1))
    if wanted * 2 * LOOKUP > len(fingerprints):
        return NO_PATTERNS
    sums = (sum(chosen) for r in range(radius + 1) for chosen in combinations(bits, r))
    return np.fromiter(sums, np.uint64, wanted)


def _varying(fingerprints: U64) -> list[int]:
    """The bits, each as a number, in which any two differ."""
    ones = int(np.bitwise_or.reduce(fingerprints)) & ~int(np.bitwise_and.reduce(fingerprints))
    return [1 << b for b in range(64) if ones >> b & 1]


@inlined
def _root(parents: I64, node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def _join(
    fingerprints: U64,
    starts: I64,
    ends: I64,
    radius: int,
    patterns: U64,
    parents: I64,
    edges: I64,
    count: int,
) -> int:
    """With patterns there is one bucket. Returns how many edges there are now."""
    for bucket in range(len(starts)):
        start, end = starts[bucket], ends[bucket]
        if len(patterns) == 0:
            for i in range(start, end):
                for j in range(i + 1, end):
                    if distance(fingerprints[i], fingerprints[j]) <= radius:
                        count = _unite(parents, edges, count, i, j)
            continue
        table = np.zeros(_table_size(end - start), np.int32)
        for i in range(start, end):
            table[_slot(table, fingerprints, start, fingerprints[i])] = np.int32(i - start + 1)
        largest = -1
        for p in range(1, len(patterns)):
            if p > 1 and _weight(patterns[p]) > _weight(patterns[p - 1]):
                largest = _largest(parents, start, end)
            if largest >= 0:
                largest = _root(parents, largest)
            for i in range(start, end):
                if largest >= 0 and _root(parents, i) == largest:
                    continue  # whoever is near it looks for it
                found = table[_slot(table, fingerprints, start, fingerprints[i] ^ patterns[p])]
                if found > 0:
                    count = _unite(parents, edges, count, i, start + np.int64(found) - 1)
    return count


@inlined
def _weight(pattern: np.uint64) -> np.int64:
    return distance(pattern, np.uint64(0))


@inlined
def _unite(parents: I64, edges: I64, count: int, i: int, j: int) -> int:
    one, other = _root(parents, i), _root(parents, j)
    if one == other:
        return count
    parents[max(one, other)] = min(one, other)
    edges[count, 0], edges[count, 1] = i, j
    return count + 1


@kernel
def _largest(parents: I64, start: int, end: int) -> int:
    """The root of the largest component of a bucket."""
    sizes = np.zeros(end - start, np.int64)
    for i in range(start, end):
        sizes[_root(parents, i) - start] += 1
    return start + int(np.argmax(sizes))


@inlined
def _table_size(count: int) -> int:
    size = 64
    while size < 2 * count:
        size *= 2
    return size


@inlined
def _slot(table: I32, fingerprints: U64, first: int, wanted: np.uint64) -> np.int64:
    """Where place + 1 of a fingerprint stands in an open-addressing table, or a free slot (0)."""
    slot = np.int64(mixed64(wanted) & np.uint64(len(table) - 1))
    while table[slot] != 0 and fingerprints[first + np.int64(table[slot]) - 1] != wanted:
        slot = (slot + 1) & (len(table) - 1)
    return slot


def decide_components(fingerprints: U64, starts: I64, ends: I64, radius: int) -> tuple[I64, I64]:
    """Greedily in each component: one goes only for a kept one, before it, within the radius.

    fingerprints[starts[i]:ends[i]] are a component in survivor order, equal ones too. Returns
    int64[fingerprints] twice: the place of the nearest kept one (of equals the first), -1 for a
    kept one; and the distance to it in bits, 0 for a kept one.
    """
    _refuse_more(starts, ends)
    kept_by = np.full(len(fingerprints), -1, np.int64)
    apart = np.zeros(len(fingerprints), np.int64)
    large = ends - starts > FEW
    _decide_few(fingerprints, starts[~large], ends[~large], radius, kept_by, apart)
    for start, end in zip(starts[large].tolist(), ends[large].tolist(), strict=True):
        component = fingerprints[start:end]
        patterns = patterns_within(component, radius)
        pieces = _pieces(component, radius)
        _decide(component, radius, pieces, patterns, start, kept_by[start:end], apart[start:end])
    return kept_by, apart


@kernel
def _decide_few(
    fingerprints: U64, starts: I64, ends: I64, radius: int, kept_by: I64, apart: I64
) -> None:
    for component in range(len(starts)):
        start = starts[component]
        for d in range(start + 1, ends[component]):
            best = np.int64(radius + 1)
            for other in range(start, d):
                if kept_by[other] < 0:
                    bits = distance(fingerprints[d], fingerprints[other])
                    if bits < best:
                        best = bits
                        kept_by[d], apart[d] = other, bits


def _pieces(fingerprints: U64, radius: int) -> U64:
    """radius + 1 masks over the bits that vary: two within the radius agree in one of them."""
    pieces = np.zeros(radius + 1, np.uint64)
    for i, bit in enumerate(_varying(fingerprints)):  # dealt out, so that all pieces vary
        pieces[i % (radius + 1)] |= np.uint64(bit)
    return pieces


@kernel
def _decide(
    fingerprints: U64,
    radius: int,
    pieces: U64,
    patterns: U64,
    first: int,
    kept_by: I64,
    apart: I64,
) -> None:
    """One component, whose places start at `first`. Kept ones stand in a table a piece.

    Memory: 12 to 20 bytes a fingerprint and piece, and 8 to 16 a fingerprint.
    """
    n, tables = len(fingerprints), len(pieces)
    size = _table_size(n)
    whole = np.zeros(size, np.int32)  # kept ones by the whole fingerprint
    chains = size // 2
    heads, lengths = np.zeros((tables, chains), np.int32), np.zeros((tables, chains), np.int32)
    following = np.empty((n, tables), np.int32)
    slots = np.empty(tables, np.int64)
    for d in range(n):
        own = fingerprints[d]
        here = _slot(whole, fingerprints, 0, own)
        if whole[here] > 0:
            kept_by[d] = first + np.int64(whole[here]) - 1
            continue
        chained = np.int64(0)
        for t in range(tables):
            slots[t] = np.int64(mixed64(own & pieces[t]) & np.uint64(chains - 1))
            chained += np.int64(lengths[t, slots[t]])
        best, nearest = np.int64(radius + 1), np.int64(-1)
        if len(patterns) > 0 and chained > LOOKUP * len(patterns):
            for p in range(len(patterns)):
                bits = _weight(patterns[p])
                if bits > best:
                    break
                place = np.int64(whole[_slot(whole, fingerprints, 0, own ^ patterns[p])]) - 1
                if place >= 0 and (bits < best or place < nearest):
                    best, nearest = bits, place
        else:
            for t in range(tables):
                place = np.int64(heads[t, slots[t]]) - 1
                while place >= 0:
                    bits = distance(own, fingerprints[place])
                    if bits < best or (bits == best and place < nearest):
                        best, nearest = bits, place
                    place = np.int64(following[place, t]) - 1
        if nearest >= 0:
            kept_by[d], apart[d] = first + nearest, best
            continue
        whole[here] = np.int32(d + 1)
        for t in range(tables):
            following[d, t] = heads[t, slots[t]]
            heads[t, slots[t]] = np.int32(d + 1)
            lengths[t, slots[t]] += np.int32(1)
