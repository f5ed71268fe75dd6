"""Byte strings in one array, found by hash and compared byte by byte: 30 bytes an entry where a
Python set takes a hundred."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U8, Bool, kernel

FNV64_BASIS = np.uint64(14695981039346656037)
FNV64_PRIME = np.uint64(1099511628211)


class StringSet(NamedTuple):
    """data: uint8[bytes]; offsets: int64[strings + 1], string s is data[offsets[s]:offsets[s + 1]].

    table: int32[power of two], string numbers by open addressing, -1 is free.
    """

    data: U8
    offsets: I64
    table: I32


def string_set(data: U8, offsets: I64) -> StringSet:
    """The set of the strings data[offsets[s]:offsets[s + 1]]; a string may come twice."""
    table = np.full(1 << (2 * len(offsets)).bit_length(), -1, np.int32)
    hash_entries(data, offsets[:-1], offsets[1:], table)
    return StringSet(data, offsets, table)


def members(strings: StringSet, text: U8, offsets: I64) -> Bool:
    """bool[n]: whether text[offsets[i]:offsets[i + 1]] is in the set."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    _members(strings.data, strings.offsets, strings.table, text, offsets, found)
    return found


@kernel
def _members(data: U8, ends: I64, table: I32, text: U8, offsets: I64, found: Bool) -> None:
    for i in range(len(found)):
        start, end = offsets[i], offsets[i + 1]
        key = word_key(text, start, end)
        found[i] = find_entry(text, start, end, key, data, ends[:-1], ends[1:], table) >= 0


@kernel
def hash_entries(vocabulary: U8, starts: I64, ends: I64, table: I32) -> None:
    """Fill `table` (open addressing, free: -1) with entries; of equal ones the last counts."""
    mask = np.uint64(len(table) - 1)
    for entry in range(len(starts)):
        key = word_key(vocabulary, starts[entry], ends[entry])
        slot = key & mask
        while table[slot] >= 0:
            other = table[slot]
            if _same(
                vocabulary, starts[entry], ends[entry], vocabulary, starts[other], ends[other]
            ):
                break
            slot = (slot + np.uint64(1)) & mask
        table[slot] = entry


@kernel
def word_key(text: U8, start: int, end: int) -> np.uint64:
    """FNV-1a, 64 bits: what tables know a string by."""
    key = FNV64_BASIS
    for i in range(start, end):
        key = (key ^ np.uint64(text[i])) * FNV64_PRIME
    return key


@kernel
def find_entry(
    text: U8,
    start: int,
    end: int,
    key: np.uint64,
    vocabulary: U8,
    starts: I64,
    ends: I64,
    table: I32,
) -> int:
    """The entry that is text[start:end], or -1."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot] >= 0:
        entry = table[slot]
        if _same(text, start, end, vocabulary, starts[entry], ends[entry]):
            return int(entry)
        slot = (slot + np.uint64(1)) & mask
    return -1


@kernel
def begins_with(text: U8, start: int, end: int, prefix: U8) -> bool:
    return end - start >= len(prefix) and _same(
        text, start, start + len(prefix), prefix, 0, len(prefix)
    )


@kernel
def stands_at(text: U8, at: int, end: int, word: U8, length: int) -> bool:
    """Whether word[:length] stands at `at`, and ends at `end` or before."""
    if at + length > end:
        return False
    for k in range(length):
        if text[at + k] != word[k]:
            return False
    return True


@kernel
def stands_in_any_case(text: U8, at: int, end: int, word: U8, length: int) -> bool:
    """The same in any case of ASCII; `word` is in lower case."""
    if at + length > end:
        return False
    for k in range(length):
        byte = text[at + k]
        if np.uint8(65) <= byte <= np.uint8(90):
            byte |= np.uint8(32)
        if byte != word[k]:
            return False
    return True


@kernel
def _same(a: U8, start: int, end: int, b: U8, other_start: int, other_end: int) -> bool:
    if end - start != other_end - other_start:
        return False
    for i in range(end - start):
        if a[start + i] != b[other_start + i]:
            return False
    return True
