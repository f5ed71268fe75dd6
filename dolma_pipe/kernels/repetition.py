"""Repeated lines, paragraphs and word n-grams (Rae et al. 2021, table A1): what the shares count.

Everything is made of words: lines and paragraphs (runs of lines that are not blank) are compared by
their words, so white space does not matter, and characters are code points of words (as DCLM;
datatrove counts the spaces too).

An n-gram can be repeated only if both (n-1)-grams in it are, so each n looks only at what the n
before left: most text has few repeated 4-grams, and 5 to 10 cost next to nothing.
"""

import numpy as np

from dolma_pipe.kernels.jit import F64, I32, I64, U8, U64, inlined, kernel
from dolma_pipe.kernels.unicode import code_points
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = (
    "duplicate_lines",
    "duplicate_line_characters",
    "duplicate_paragraphs",
    "duplicate_paragraph_characters",
    "top_2gram",
    "top_3gram",
    "top_4gram",
    "duplicate_5gram",
    "duplicate_6gram",
    "duplicate_7gram",
    "duplicate_8gram",
    "duplicate_9gram",
    "duplicate_10gram",
)
_LINES, _PARAGRAPHS, _GRAMS = 0, 2, 4
_MAX_TOP = 4
_MAX_GRAM = 10
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0x94D049BB133111EB)


def repetition(
    text: U8,
    offsets: I64,
    words: Words,
    lines: Lines,
    every_member: bool = False,
    first_of_equal: bool = False,
    overlaps: bool = False,
) -> F64:
    """float64[documents, len(COLUMNS)], all in 0..1.

    every_member: the first of equal lines, paragraphs or n-grams (5 to 10) counts as duplicate too.
    first_of_equal: of equally frequent n-grams the first counts, not the longest, even if it occurs
    once. overlaps: a character counts for every n-gram (5 to 10) around it.
    """
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    longest = int(np.diff(words.offsets).max(initial=0))
    how = every_member, first_of_equal, overlaps
    _repetition(text, offsets, *words, *lines, *how, longest, found)
    return found


@kernel
def _repetition(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    starts: I64,
    ends: I64,
    hashes: U64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    every_member: bool,
    first_of_equal: bool,
    overlaps: bool,
    longest: int,
    found: F64,
) -> None:
    room = 16
    while room < 2 * longest:
        room *= 2
    table = np.empty(room, np.uint64)
    keys = np.empty(longest, np.uint64)
    items = np.empty(longest, np.int32)  # numbers of the lines, or first words of the n-grams
    originals = np.empty(longest, np.int32)  # the first item equal to each
    counts = np.empty(longest, np.int32)
    borders = np.empty(longest + 1, np.int32)  # of lines: their first words
    before = np.empty(longest + 1, np.int32)  # characters before each word
    for d in range(len(offsets) - 1):
        first, after = int(word_firsts[d]), int(word_firsts[d + 1])
        words = after - first
        if words == 0:
            continue
        _characters(text, starts[first:after], ends[first:after], before)
        own = hashes[first:after]
        here, here_after = int(line_firsts[d]), int(line_firsts[d + 1])
        for column in (_LINES, _PARAGRAPHS):
            n = _stretches(
                starts[first:after],
                line_starts[here:here_after],
                line_ends[here:here_after],
                column == _PARAGRAPHS,
                borders,
            )
            for k in range(n):
                h = np.uint64(0)
                for w in range(borders[k], borders[k + 1]):
                    h = h * _BASE + own[w]
                keys[k], items[k] = h, k
            group(keys, items, n, table, originals, counts)
            repeats, characters = 0, 0
            for k in range(n):
                if originals[k] != k or (every_member and counts[k] > 1):
                    repeats += 1
                    characters += before[borders[k + 1]] - before[borders[k]]
            found[d, column] = repeats / n
            found[d, column + 1] = characters / before[words]
        how = every_member, first_of_equal, overlaps
        _grams(own, before, *how, table, keys, items, originals, counts, found[d, _GRAMS:])


@kernel
def _grams(
    hashes: U64,
    before: I32,
    every_member: bool,
    first_of_equal: bool,
    overlaps: bool,
    table: U64,
    keys: U64,
    items: I32,
    originals: I32,
    counts: I32,
    found: F64,
) -> None:
    """The shares of the n-grams of one document; `before` holds the characters before each word."""
    words = len(hashes)
    for i in range(words):
        keys[i], items[i] = hashes[i], i
    for size in range(2, min(_MAX_TOP, words) + 1):
        if first_of_equal:  # unless an n-gram is repeated below
            found[size - 2] = before[size] / before[words]
    n = words
    for size in range(2, _MAX_GRAM + 1):
        m = 0
        for c in range(n):
            i = items[c]
            together = size == 2 or (c + 1 < n and items[c + 1] == i + 1)
            if together and i + size <= words:
                keys[i] = keys[i] * _BASE + hashes[i + size - 1]
                items[m] = i
                m += 1
        group(keys, items, m, table, originals, counts)
        if size <= _MAX_TOP:
            repeated = _top(items, originals, counts, m, size, before, first_of_equal)
        elif overlaps:
            repeated = _in_repeated(items, originals, counts, m, size, before, every_member)
        else:
            repeated = _covered(items, originals, counts, m, size, before, every_member)
        if repeated > 0:
            all_of_them = before[words]
            if overlaps and size > _MAX_TOP:
                all_of_them = _in_all(words, size, before)
            found[size - 2] = min(1.0, repeated / all_of_them)
        n = 0
        for c in range(m):
            if counts[originals[c]] > 1:
                items[n] = items[c]
                n += 1
        if n == 0:
            return


@kernel
def group(keys: U64, items: I32, n: int, table: U64, originals: I32, counts: I32) -> None:
    """For items[c], c < n: originals[c] is the first item with the same key, counts[that] how many.

    A slot is the upper half of the mixed key above the item's number plus 1; 0 is empty.
    """
    size = 16
    while size < 2 * n:
        size *= 2
    table[:size] = 0
    last = np.uint64(size - 1)
    low = np.uint64(0xFFFFFFFF)
    for c in range(n):
        item = items[c]
        key = keys[item]
        mixed = (key ^ (key >> np.uint64(31))) * _MIX
        tag = mixed & ~low
        at = (mixed ^ (mixed >> np.uint64(29))) & last
        original = item
        while True:
            slot = table[at]
            if slot == 0:
                table[at] = tag | np.uint64(item + 1)
                counts[item] = 1
                break
            if slot & ~low == tag:
                other = np.int32((slot & low) - np.uint64(1))
                if keys[other] == key:
                    original = other
                    counts[other] += 1
                    break
            at = (at + np.uint64(1)) & last
        originals[c] = original


@inlined
def _top(
    items: I32,
    originals: I32,
    counts: I32,
    n: int,
    size: int,
    before: I32,
    first_of_equal: bool,
) -> int:
    """Occurrences times characters of the most frequent n-gram, 0 if none occurs twice."""
    most, length = 1, 0
    for c in range(n):
        i = items[c]
        if originals[c] == i and counts[i] > 1 and counts[i] >= most:
            characters = before[i + size] - before[i]
            if counts[i] > most:
                most, length = counts[i], characters
            elif not first_of_equal:
                length = max(length, characters)
    return most * length


@inlined
def _in_repeated(
    items: I32, originals: I32, counts: I32, n: int, size: int, before: I32, every_member: bool
) -> int:
    """Characters of the repeated n-grams, one after the other."""
    characters = 0
    for c in range(n):
        i = items[c]
        if originals[c] != i or (every_member and counts[i] > 1):
            characters += before[i + size] - before[i]
    return characters


@inlined
def _in_all(words: int, size: int, before: I32) -> int:
    """Characters of all n-grams, one after the other."""
    characters = 0
    for i in range(words - size + 1):
        characters += before[i + size] - before[i]
    return characters


@inlined
def _covered(
    items: I32, originals: I32, counts: I32, n: int, size: int, before: I32, every_member: bool
) -> int:
    """Characters in at least one repeated n-gram."""
    characters, done = 0, 0
    for c in range(n):
        i = items[c]
        if originals[c] != i or (every_member and counts[i] > 1):
            characters += before[i + size] - before[max(i, done)]
            done = i + size
    return characters


@inlined
def _characters(text: U8, starts: I64, ends: I64, before: I32) -> None:
    """before[w]: code points of the words before word w."""
    total = 0
    begin, end = int(starts[0]), int(ends[-1])
    ascii_only = code_points(text, begin, end) == end - begin
    for w in range(len(starts)):
        before[w] = total
        if ascii_only:
            total += ends[w] - starts[w]
        else:
            total += code_points(text, int(starts[w]), int(ends[w]))
    before[len(starts)] = total


@inlined
def _stretches(
    starts: I64, line_starts: I64, line_ends: I64, paragraphs: bool, borders: I32
) -> int:
    """The first word of every line that has words, or of every paragraph; returns how many."""
    n, w = 0, 0
    after_blank = True
    for k in range(len(line_starts)):
        first = w
        while w < len(starts) and starts[w] < line_ends[k]:
            w += 1
        if w == first:
            after_blank = True
        elif after_blank or not paragraphs:
            borders[n] = first
            n += 1
            after_blank = False
    borders[n] = len(starts)
    return n
