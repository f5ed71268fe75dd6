"""Keys counted in a table of fixed size, and n-grams of words as keys.

A table is uint64[slots + SLACK, 2]: the key (0 is free); place and count, of 32 bits each. Keys are
hashes: the high bits of a key say its slot, or it stands in one of the next (linear probing), so
that a table is almost sorted, and grows in place. The caller keeps it three quarters full at the
most, and all counts together below 2**32. Summaries are arrays sorted by key.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U32, U64, inlined, kernel

BASE = np.uint64(0x9E3779B97F4A7C15)
"""An n-gram is a polynomial in it over word hashes, modulo 2**64, mixed once more; never 0."""
KEY, VALUE = 0, 1
"""Columns of a table."""
PLACE_BITS = np.uint64(32)
"""By so many a place is shifted in a value."""
COUNT = np.uint64((1 << 32) - 1)
"""The bits of a value that are its count."""
KEYS, COUNTS, PLACES = 0, 1, 2
"""Rows of what is merged."""
SLACK = 1024
"""Rows behind the last slot, for its keys: no row of keys begins again at the front."""
AHEAD = 64
"""Keys that are looked up at the same time."""


class Counts(NamedTuple):
    """Distinct keys, sorted; how often each was counted, and the least place where it stood. All
    are uint64 and of one length."""

    keys: U64
    counts: U64
    places: U64


def no_counts() -> Counts:
    """Nothing counted."""
    return Counts(*(np.empty(0, np.uint64) for _ in Counts._fields))


@kernel
def gram_keys(words: U64, offsets: I64, size: int, keys: U64, documents: I64) -> int:
    """Write the n-grams of every document in the order of the text; returns how many.

    words: hashes of all words, those of document d are offsets[d]:offsets[d + 1]. documents: of
    each n-gram. Both outputs need room for as many as there are words.
    """
    top = np.uint64(1)
    for _ in range(size - 1):
        top *= BASE
    n = 0
    for d in range(len(offsets) - 1):
        first, end = offsets[d], offsets[d + 1]
        if end - first < size:
            continue
        h = np.uint64(0)
        for i in range(first, first + size - 1):
            h = h * BASE + words[i]
        for i in range(first, end - size + 1):
            h = h * BASE + words[i + size - 1]
            keys[n] = max(mixed64(h), np.uint64(1))
            documents[n] = d
            n += 1
            h -= words[i] * top
    return n


@inlined
def _slot(key: np.uint64, lead: np.uint64, slots: np.uint64) -> np.uint64:
    """Where to look first."""
    return (((key << lead) >> np.uint64(32)) * slots) >> np.uint64(32)


@kernel
def add_all(
    table: U64,
    lead: np.uint64,
    used: int,
    capacity: int,
    limit: np.uint64,
    keys: U64,
    counts: U64,
    places: U64,
    base: int,
    first: int,
) -> tuple[int, int]:
    """Add keys[first:] that are no greater than limit. Returns where it stopped, since a new key
    found `capacity` keys in the table or no free row, and how many there are now.

    A place stays that of the first time, less base. counts: of each key, or one for all of them.
    lead: high bits that are 0 in all keys.
    """
    slots = np.uint64(len(table) - SLACK)
    step = 1 if len(counts) == len(keys) else 0
    homes, held = np.empty(AHEAD, np.uint64), np.empty(AHEAD, np.uint64)
    for begin in range(first, len(keys), AHEAD):
        size = min(AHEAD, len(keys) - begin)
        for j in range(size):  # the memory of all of them is asked for before one is waited for
            homes[j] = _slot(min(keys[begin + j], limit), lead, slots)
            held[j] = table[homes[j], KEY]
        for j in range(size):
            i = begin + j
            key, slot = keys[i], homes[j]
            if key > limit:
                continue
            if held[j] != key:
                while table[slot, KEY] != key and table[slot, KEY] != np.uint64(0):
                    slot += np.uint64(1)
                if table[slot, KEY] == np.uint64(0):
                    if used >= capacity or slot == np.uint64(len(table) - 1):
                        return i, used  # the last row stays free, so that every search ends
                    table[slot, KEY] = key
                    table[slot, VALUE] = (places[i] - np.uint64(base)) << PLACE_BITS
                    used += 1
            table[slot, VALUE] += counts[i * step]
    return len(keys), used


@kernel
def gather(table: U64, cut: np.uint64, limit: np.uint64) -> int:
    """Move the keys up to limit that were counted more often than cut to the first rows, sorted,
    their counts less cut. The other rows are free then. Returns how many they are."""
    n = 0
    for row in range(len(table)):
        key, value = table[row, KEY], table[row, VALUE]
        table[row, KEY] = np.uint64(0)
        if key == np.uint64(0) or key > limit or (value & COUNT) <= cut:
            continue
        at = n
        while at > 0 and table[at - 1, KEY] > key:  # by few rows: see the top
            table[at, KEY], table[at, VALUE] = table[at - 1, KEY], table[at - 1, VALUE]
            at -= 1
        table[at, KEY], table[at, VALUE] = key, value - cut
        n += 1
    return n


@kernel
def spread(table: U64, lead: np.uint64, used: int) -> bool:
    """Move the first rows, sorted, to their slots; the others are free. Says whether there was room
    for all: the last row stays free."""
    slots = np.uint64(len(table) - SLACK)
    for row in range(used - 1, -1, -1):  # no key comes to a row before its own
        key, value = table[row, KEY], table[row, VALUE]
        table[row, KEY] = np.uint64(0)
        slot = max(np.int64(_slot(key, lead, slots)), np.int64(row))
        free = slot
        while table[free, KEY] != np.uint64(0):
            free += 1
        if free == len(table) - 1:
            return False
        for at in range(free, slot, -1):  # keys after this one give way
            table[at, KEY], table[at, VALUE] = table[at - 1, KEY], table[at - 1, VALUE]
        table[slot, KEY], table[slot, VALUE] = key, value
    return True


@kernel
def part(rows: U64, counts: U32, places: U32) -> None:
    """Write the counts and places of sorted rows, and move their keys to the front of the rows'
    memory, one after the other."""
    keys = rows.reshape(-1)
    for row in range(len(rows)):
        key, value = rows[row, KEY], rows[row, VALUE]
        keys[row] = key
        counts[row] = value & COUNT
        places[row] = value >> PLACE_BITS


@kernel
def merge_into(
    keys: U64,
    counts: U64,
    places: U64,
    other_keys: U64,
    other_counts: U64,
    other_places: U64,
    out: U64,
) -> int:
    """Merge two sorted summaries into out (uint64[3, room for both]); returns how many keys.

    Counts are added, the least place stays.
    """
    i = j = n = 0
    while i < len(keys) or j < len(other_keys):
        mine = j == len(other_keys) or (i < len(keys) and keys[i] <= other_keys[j])
        both = mine and j < len(other_keys) and keys[i] == other_keys[j]
        if both:
            out[KEYS, n], out[COUNTS, n] = keys[i], counts[i] + other_counts[j]
            out[PLACES, n] = min(places[i], other_places[j])
        elif mine:
            out[KEYS, n], out[COUNTS, n], out[PLACES, n] = keys[i], counts[i], places[i]
        else:
            out[KEYS, n], out[COUNTS, n] = other_keys[j], other_counts[j]
            out[PLACES, n] = other_places[j]
        i += mine
        j += both or not mine
        n += 1
    return n


@kernel
def common_keys(keys: U64, other: U64, mine: I64, theirs: I64) -> int:
    """Write the places of the keys that two sorted arrays share; returns how many."""
    i = j = n = 0
    while i < len(keys) and j < len(other):
        if keys[i] == other[j]:
            mine[n], theirs[n] = i, j
            n += 1
            i += 1
            j += 1
        elif keys[i] < other[j]:
            i += 1
        else:
            j += 1
    return n
