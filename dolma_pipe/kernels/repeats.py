"""Repeats: which windows of some snippets stand in an earlier one, byte for byte."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I32, I64, U8, U64, kernel
from dolma_pipe.kernels.winnow import BASE

MOST_WINDOWS = 1 << 20
"""Of one snippet, so that a place fits into 64 bits: snippet << 20 | window."""

_SHIFT = 20
_WINDOW = MOST_WINDOWS - 1


class Snippets(NamedTuple):
    """Stretches of documents, in survivor order of the documents, then of place.

    hashes: uint64[n], snippets of different hashes share no window; documents: uint64[n]; starts:
    int64[n], where each starts in its document; windows: int64[n], how many windows start in it;
    offsets: int64[n], where its windows + width - 1 bytes start in content, uint8. Snippets of
    equal bytes may share them.
    """

    hashes: U64
    documents: U64
    starts: I64
    windows: I64
    offsets: I64
    content: U8


class Repeats(NamedTuple):
    """snippets, starts, ends: int64[n], stretches of document bytes that repeat windows cover.

    refused: windows whose hash was found, and whose bytes were others.
    """

    snippets: I64
    starts: I64
    ends: I64
    refused: int


def gather(text: U8, starts: I64, sizes: I64) -> tuple[U8, I64]:
    """Stretches of text one after the other, and int64[stretches + 1] offsets of them."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    content = np.empty(int(offsets[-1]), np.uint8)
    _gather(text, starts, offsets, content)
    return content, offsets


@kernel
def same_bytes(text: U8, starts: I64, sizes: I64) -> I64:
    """int64[stretches]: an earlier stretch of the same bytes, which has none itself, or its own
    number.

    Most of what is the same is found: of stretches with one hash only the last one is looked at.
    """
    same = np.arange(len(starts))
    slots = np.full(1 << int(np.ceil(np.log2(2 * len(starts) + 2))), -1, np.int64)
    for k in range(len(starts)):
        h = np.uint64(sizes[k])
        for i in range(starts[k], starts[k] + sizes[k]):
            h = h * BASE + np.uint64(text[i])
        slot = np.int64(mixed64(h)) & (len(slots) - 1)
        other = slots[slot]
        if other >= 0 and sizes[other] == sizes[k]:
            if _equal(text, starts[other], starts[k], 0, sizes[k]):
                same[k] = other
                continue
        slots[slot] = k
    return same


@kernel
def _gather(text: U8, starts: I64, offsets: I64, content: U8) -> None:
    for k in range(len(starts)):
        size = offsets[k + 1] - offsets[k]
        content[offsets[k] : offsets[k + 1]] = text[starts[k] : starts[k] + size]


def find_repeats(snippets: Snippets, width: int) -> Repeats:
    """A window of `width` bytes is a repeat if an equal one stands in an earlier document, or in
    the same document `width` bytes before it at least."""
    order = np.argsort(snippets.hashes, kind="stable")
    return Repeats(*_find_repeats(*snippets, order, width))


@kernel
def _find_repeats(
    hashes: U64,
    documents: U64,
    starts: I64,
    windows: I64,
    offsets: I64,
    content: U8,
    order: I64,
    width: int,
) -> tuple[I64, I64, I64, int]:
    """A group of equal hashes after the other, each with a table as small as it allows."""
    found, borders = np.empty(1 << 10, np.int64), np.empty((1 << 10, 2), np.int64)
    n, refused = 0, 0
    slots = np.zeros(1 << 10, np.int32)  # 1 + number of an entry; open addressing, 0 is free
    entries, places = np.empty(1 << 9, np.uint64), np.empty((1 << 9, 2), np.int64)
    group = 0
    while group < len(order):
        after = group + 1
        while after < len(order) and hashes[order[after]] == hashes[order[group]]:
            after += 1
        mask, count = 1023, 0
        slots[: mask + 1] = 0
        for q in range(group, after):
            j = order[q]
            if q > group and offsets[j] == offsets[order[q - 1]]:
                if documents[j] != documents[order[q - 1]]:  # all of it is there
                    if n == len(found):
                        found, borders = _doubled(found), _doubled(borders)
                    found[n] = j
                    borders[n, 0], borders[n, 1] = starts[j], starts[j] + windows[j] + width - 1
                    n += 1
                    continue
            # room for all that one snippet can bring: its loop touches no array but by index
            while count + windows[j] > len(entries):
                entries, places = _doubled(entries), _doubled(places)
            if 2 * (count + windows[j]) > mask:
                while 2 * (count + windows[j]) > mask:
                    mask = 2 * mask + 1
                slots = _filled(slots, mask, entries, count)
            while n + windows[j] > len(found):
                found, borders = _doubled(found), _doubled(borders)
            before = n
            n, count, others = _compare(
                j,
                documents,
                starts,
                windows,
                offsets,
                content,
                width,
                slots,
                mask,
                entries,
                places,
                count,
                borders,
                n,
            )
            found[before:n] = j
            refused += others
        group = after
    return found[:n].copy(), borders[:n, 0].copy(), borders[:n, 1].copy(), refused


@kernel
def _compare(
    j: int,
    documents: U64,
    starts: I64,
    windows: I64,
    offsets: I64,
    content: U8,
    width: int,
    slots: I32,
    mask: int,
    entries: U64,
    places: I64,
    count: int,
    borders: I64,
    n: int,
) -> tuple[int, int, int]:
    """Look up the windows of snippet j, and enter those that are new; write stretches to borders.

    entries: hashes of distinct windows; places: int64[entries, 2], where each stood first and last.
    Linear: a window that follows one that was found, and is found right after it, costs one byte;
    the last place makes that so for copies of copies, and for periodic text.
    """
    here, refused = offsets[j], 0
    at_s, at_u = -1, 0  # snippet and window where the window before was found, -1: nowhere
    is_open = False
    leaving, h = np.uint64(1), np.uint64(0)
    for i in range(here, here + width):
        h = h * BASE + np.uint64(content[i])
        leaving *= BASE
    for t in range(windows[j]):
        if t > 0:
            h = h * BASE + np.uint64(content[here + t + width - 1])
            h -= np.uint64(content[here + t - 1]) * leaving
        slot = np.int64(mixed64(h)) & mask
        s, u = -1, 0
        while slots[slot] > 0:
            e = slots[slot] - 1
            if entries[e] == h:
                s, u = places[e, 1] >> _SHIFT, places[e, 1] & _WINDOW
                known = width - 1 if s == at_s and u == at_u + 1 else 0
                if _equal(content, offsets[s] + u, here + t, known, width):
                    break
                s = -1
                refused += 1
            slot = (slot + 1) & mask
        at_s, at_u = s, u
        repeated = False
        if s < 0:
            entries[count] = h
            places[count, 0] = (j << _SHIFT) | t
            places[count, 1] = (j << _SHIFT) | t
            count += 1
            slots[slot] = count
        else:
            e = slots[slot] - 1
            places[e, 1] = (j << _SHIFT) | t
            s, u = places[e, 0] >> _SHIFT, places[e, 0] & _WINDOW
            repeated = documents[s] != documents[j] or starts[s] + u + width <= starts[j] + t
        if repeated:
            if not is_open:
                borders[n, 0] = starts[j] + t
                n += 1
            borders[n - 1, 1] = starts[j] + t + width
        is_open = repeated
    return n, count, refused


@kernel
def _equal(content: U8, one: int, other: int, known: int, width: int) -> bool:
    """Whether two windows are, whose first `known` bytes are."""
    same = True
    for i in range(known, width):
        if content[one + i] != content[other + i]:
            same = False
            break
    return same


@kernel
def _doubled(values: Any) -> Any:
    return np.concatenate((values, np.empty_like(values)))


@kernel
def _filled(slots: I32, mask: int, entries: U64, count: int) -> I32:
    """A table of mask + 1 slots with the first `count` entries."""
    if len(slots) < mask + 1:
        slots = np.empty(mask + 1, np.int32)
    slots[: mask + 1] = 0
    for e in range(count):
        slot = np.int64(mixed64(entries[e])) & mask
        while slots[slot] > 0:
            slot = (slot + 1) & mask
        slots[slot] = e + 1
    return slots
