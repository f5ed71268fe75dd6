"""Shingles: hashes of n consecutive words of the text as near-duplicate search reads it.

The text is lower-cased, punctuation and symbols (P*, S*) are taken out, white space is one border:
"Don't, (A-B)!" is "dont ab". In the scripts written without spaces every code point is a word with
the marks that follow it. A word of punctuation alone is no word. This is the normalisation of
SlimPajama (2023), made to work for Chinese.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I32, I64, U8, U16, U64, kernel
from dolma_pipe.kernels.strings import FNV64_BASIS, FNV64_PRIME
from dolma_pipe.kernels.unicode import (
    MARK,
    PUNCTUATION,
    SPACE,
    WORD_ALONE,
    classes,
    code_point_at,
    flags_of,
    lower_case,
    lowered,
)

REMOVED = 0  # in Folding.bytes: this byte vanishes
BORDER = 1  # white space
WIDE = 2  # not ASCII: the code point decides

BASE = np.uint64(0x9E3779B97F4A7C15)
"""A shingle is a polynomial in it over word hashes, modulo 2**64, mixed once more."""


class Folding(NamedTuple):
    """Tables that say what becomes of a code point.

    bytes: uint8[256], the lower case of an ASCII character that stays, or REMOVED, BORDER, WIDE.
    The control characters 0, 1 and 2 collide with these and read as REMOVED.
    """

    bytes: U8
    pages: U16
    flags: U8
    lower_pages: U16
    lower_shifts: I32


@cache
def folding() -> Folding:
    """The tables, from Python's `unicodedata`."""
    kinds, lower = classes(), lower_case()
    table = np.full(256, WIDE, np.uint8)
    for c in range(128):
        if kinds.flags[c] & SPACE:
            table[c] = BORDER
        elif kinds.flags[c] & PUNCTUATION or c <= WIDE:
            table[c] = REMOVED
        else:
            table[c] = ord(chr(c).lower())
    return Folding(table, kinds.pages, kinds.flags, lower.pages, lower.shifts)


def most_words(offsets: I64) -> int:
    """Room for the words of any one document: a word and its border take two bytes."""
    return int(np.diff(offsets).max(initial=0) + 1) // 2 + 1


@kernel
def fold_words(text: U8, start: int, end: int, fold: Folding, words: U64) -> int:
    """Write the hashes (well mixed) of one document's folded words; returns how many."""
    count = 0
    h = np.uint64(0)
    is_open = False
    is_alone = False  # the open word is one code point of a script without spaces
    i = start
    while i < end:
        byte = fold.bytes[text[i]]
        if byte > np.uint8(WIDE):
            if is_alone:
                words[count] = mixed64(h)
                count += 1
                is_open = is_alone = False
            if not is_open:
                h = FNV64_BASIS
                is_open = True
            h = (h ^ np.uint64(byte)) * FNV64_PRIME
            i += 1
            continue
        kind = SPACE
        code = 0
        if byte == np.uint8(WIDE):
            code, i = code_point_at(text, i)
            kind = flags_of(code, fold.pages, fold.flags)
        else:
            i += 1
            if byte == np.uint8(REMOVED):
                continue
        if (kind & PUNCTUATION) != 0:
            continue
        if is_open and ((kind & (SPACE | WORD_ALONE)) != 0 or (is_alone and (kind & MARK) == 0)):
            words[count] = mixed64(h)
            count += 1
            is_open = is_alone = False
        if (kind & SPACE) == 0:
            if not is_open:
                h = FNV64_BASIS
                is_open = True
                is_alone = (kind & WORD_ALONE) != 0
            code = lowered(code, fold.lower_pages, fold.lower_shifts)
            h = (h ^ np.uint64(code)) * FNV64_PRIME
    if is_open:
        words[count] = mixed64(h)
        count += 1
    return count


@kernel
def hash_shingles(words: U64, count: int, size: int) -> int:
    """Replace words by the hashes of the shingles that start there; returns how many there are.

    words: uint64[count and more]. No shingle is 0; a text of fewer words than `size` has no
    shingle.
    """
    shingles = count - size + 1
    if shingles <= 0:
        return 0
    top = np.uint64(1)  # BASE ** (size - 1)
    h = np.uint64(0)
    for j in range(size):
        h = h * BASE + words[j]
        if j > 0:
            top *= BASE
    for i in range(shingles):
        leaving = words[i]
        words[i] = max(mixed64(h), np.uint64(1))
        if i + 1 < shingles:
            h = (h - leaving * top) * BASE + words[i + size]
    return shingles


def shingles_of(text: U8, offsets: I64, rows: I64, size: int) -> tuple[U64, I64]:
    """The shingle hashes of some documents, in the order of the text, with repeats.

    Returns uint64[shingles] and int64[rows + 1]: row k has hashes[offsets[k]:offsets[k + 1]].
    """
    lengths = offsets[rows + 1] - offsets[rows]
    out = np.empty(int(((lengths + 1) // 2 + 1).sum()), np.uint64)
    firsts = np.zeros(len(rows) + 1, np.int64)
    _shingles_of(text, offsets, rows, size, folding(), out, firsts)
    return out[: firsts[-1]], firsts


@kernel
def _shingles_of(
    text: U8, offsets: I64, rows: I64, size: int, fold: Folding, out: U64, firsts: I64
) -> None:
    n = 0
    for k in range(len(rows)):
        d = rows[k]
        count = fold_words(text, offsets[d], offsets[d + 1], fold, out[n:])
        n += hash_shingles(out[n:], count, size)
        firsts[k + 1] = n
