"""Lines and paragraphs of texts: where they stand, the hash by which repeats are found, and what is
cut where they are taken out."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U8, U64, Bool, kernel
from dolma_pipe.kernels.shingles import (
    BORDER,
    REMOVED,
    WIDE,
    Folding,
    fold_words,
    folding,
    hash_shingles,
    most_words,
)
from dolma_pipe.kernels.unicode import (
    MARK,
    PUNCTUATION,
    SPACE,
    WORD_ALONE,
    code_point_at,
    flags_of,
    last_code_point,
)

NEWLINE = np.uint8(10)
RETURN = np.uint8(13)


class Units(NamedTuple):
    """Lines that are not blank, or blocks of them between blank ones.

    offsets: int64[documents + 1]; document d has units offsets[d] to offsets[d + 1]. starts, ends,
    nexts: int64[units], bytes from the document's start: of the first line, of the last line's end
    without its break (LF or CR LF), of the line after. hashes: uint64[units], 0 for a unit that is
    too short to count.
    """

    offsets: I64
    starts: I64
    ends: I64
    nexts: I64
    hashes: U64


def find_units(text: U8, offsets: I64, *, paragraphs: bool) -> Units:
    """The units of all documents; hashes are still 0."""
    inside = text[offsets[0] : offsets[-1]]
    most = np.count_nonzero(inside == NEWLINE) + len(offsets) - 1
    starts, ends, nexts = (np.empty(most, np.int64) for _ in range(3))
    firsts = np.zeros(len(offsets), np.int64)
    n = _find_units(text, offsets, paragraphs, folding(), firsts, starts, ends, nexts)
    return Units(firsts, starts[:n], ends[:n], nexts[:n], np.zeros(n, np.uint64))


def hash_units(
    text: U8, offsets: I64, units: Units, *, folded: bool, min_words: int, min_bytes: int
) -> None:
    """Fill the hashes.

    Of the unit with its white space collapsed, or folded: of its words as shingles see them.
    min_bytes: without white space at the ends.
    """
    words = np.empty(most_words(offsets), np.uint64)
    _hash_units(text, offsets, units, folded, min_words, min_bytes, folding(), words)


@kernel
def _find_units(
    text: U8,
    offsets: I64,
    paragraphs: bool,
    fold: Folding,
    firsts: I64,
    starts: I64,
    ends: I64,
    nexts: I64,
) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        first, last = offsets[d], offsets[d + 1]
        i = first
        is_open = False
        while i < last:
            end = i
            while end < last and text[end] != NEWLINE:
                end += 1
            after = min(end + 1, last)
            if _after_space(text, i, end, fold) == end:
                is_open = False
            else:
                if not (paragraphs and is_open):
                    starts[n] = i - first
                    n += 1
                is_open = True
                if end < last and text[end - 1] == RETURN:
                    end -= 1
                ends[n - 1], nexts[n - 1] = end - first, after - first
            i = after
        firsts[d + 1] = n
    return n


@kernel
def _after_space(text: U8, start: int, end: int, fold: Folding) -> int:
    """Where the first code point stands that is no white space, or the end."""
    i = start
    while i < end:
        code, after = code_point_at(text, i)
        if (flags_of(code, fold.pages, fold.flags) & SPACE) == 0:
            break
        i = after
    return i


@kernel
def _before_space(text: U8, start: int, end: int, fold: Folding) -> int:
    """Where the last code point ends that is no white space, or the start."""
    while end > start:
        code, at = last_code_point(text, start, end)
        if (flags_of(code, fold.pages, fold.flags) & SPACE) == 0:
            break
        end = at
    return end


@kernel
def _hash_units(
    text: U8,
    offsets: I64,
    units: Units,
    folded: bool,
    min_words: int,
    min_bytes: int,
    fold: Folding,
    words: U64,
) -> None:
    for d in range(len(offsets) - 1):
        for k in range(units.offsets[d], units.offsets[d + 1]):
            start = _after_space(text, offsets[d] + units.starts[k], offsets[d + 1], fold)
            end = _before_space(text, start, offsets[d] + units.ends[k], fold)
            if end - start < min_bytes:
                continue
            if folded:
                count = fold_words(text, start, end, fold, words)
                if count > 0 and count >= min_words:
                    hash_shingles(words, count, count)
                    units.hashes[k] = words[0]
            else:
                key, count = _collapsed(text, start, end, fold)
                if count >= min_words:
                    units.hashes[k] = max(mixed64(key), np.uint64(1))


@kernel
def _collapsed(text: U8, start: int, end: int, fold: Folding) -> tuple[np.uint64, int]:
    """FNV-1a of a stretch without white space at its ends, each run inside as one space; and how
    many words fold_words finds in it."""
    h = np.uint64(14695981039346656037)
    count = 0
    is_space = is_open = is_alone = False
    i = start
    while i < end:
        at = i
        byte = fold.bytes[text[i]]
        if byte > np.uint8(WIDE) and is_open and not is_alone:  # most of a text
            h = (h ^ np.uint64(text[i])) * np.uint64(1099511628211)
            i += 1
            continue
        kind = 0
        if byte == np.uint8(WIDE):
            code, i = code_point_at(text, i)
            kind = flags_of(code, fold.pages, fold.flags)
        else:
            i += 1
            if byte == np.uint8(REMOVED):
                kind = PUNCTUATION
        if byte == np.uint8(BORDER) or (kind & SPACE) != 0:
            is_space, is_open = True, False
            continue
        if is_space:
            h = (h ^ np.uint64(32)) * np.uint64(1099511628211)
            is_space = False
        h = (h ^ np.uint64(text[at])) * np.uint64(1099511628211)
        for j in range(at + 1, i):
            h = (h ^ np.uint64(text[j])) * np.uint64(1099511628211)
        if (kind & PUNCTUATION) != 0:
            continue
        alone = (kind & WORD_ALONE) != 0
        if not is_open or alone or (is_alone and (kind & MARK) == 0):
            count += 1
            is_open, is_alone = True, alone
    return h, count


def cut_units(units: Units, repeated: Bool) -> tuple[I64, I64, I64]:
    """Document, start and end of what goes with the repeated units: int64[cuts] each, in order.

    A unit goes with its line break, and with the blank lines after it where there are some before
    it, too; at the end of a text the break before it goes, and the text ends as it did. Of a text
    whose units are all repeated, white space may be left.
    """
    rows, starts, ends = (np.empty(len(repeated), np.int64) for _ in range(3))
    n = _cut_units(units, repeated, rows, starts, ends)
    return rows[:n], starts[:n], ends[:n]


@kernel
def _cut_units(units: Units, repeated: Bool, rows: I64, starts: I64, ends: I64) -> int:
    n = 0
    for d in range(len(units.offsets) - 1):
        first, last = units.offsets[d], units.offsets[d + 1] - 1
        is_gap = True  # what was kept last is a blank line, or nothing
        kept, before = -1, n  # the last unit that stays, and the cuts before it
        for k in range(first, last + 1):
            blank_after = k < last and units.starts[k + 1] > units.nexts[k]
            if not repeated[k]:
                kept, before, is_gap = k, n, blank_after
                continue
            rows[n], starts[n] = d, units.starts[k]
            ends[n] = units.starts[k + 1] if is_gap and blank_after else units.nexts[k]
            is_gap = is_gap or blank_after
            n += 1
        if first <= kept < last:
            rows[before], starts[before], ends[before] = d, units.ends[kept], units.ends[last]
            n = before + 1
    return n
