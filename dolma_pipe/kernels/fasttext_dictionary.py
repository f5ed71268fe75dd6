"""The dictionary of a fastText model: its entries read from the file, and found by their bytes."""

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U8, kernel

FNV64_BASIS = np.uint64(14695981039346656037)
FNV64_PRIME = np.uint64(1099511628211)


@kernel
def scan_entries(data: U8, position: int, starts: I64, ends: I64, counts: I64, kinds: U8) -> int:
    """Read entries (text, 0, count int64, kind byte); the position after, or -1 if cut short."""
    for entry in range(len(starts)):
        starts[entry] = position
        while position < len(data) and data[position] != 0:
            position += 1
        ends[entry] = position
        if position + 10 > len(data):
            return -1
        count = np.uint64(0)
        for byte in range(8):
            count |= np.uint64(data[position + 1 + byte]) << np.uint64(8 * byte)
        counts[entry] = np.int64(count)
        kinds[entry] = data[position + 9]
        position += 10
    return position


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
    """FNV-1a, 64 bits: what the memo and the table know a word by."""
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
def _same(a: U8, start: int, end: int, b: U8, other_start: int, other_end: int) -> bool:
    if end - start != other_end - other_start:
        return False
    for i in range(end - start):
        if a[start + i] != b[other_start + i]:
            return False
    return True
