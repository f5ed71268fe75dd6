"""Counts and shares of words, lines and characters that heuristic filters are made of."""

import math

import numpy as np

from dolma_pipe.kernels.jit import F64, I32, I64, U8, U16, U64, inlined, kernel
from dolma_pipe.kernels.repetition import group
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    DIGIT,
    PUNCTUATION,
    SMALL,
    classes,
    code_point_at,
    code_points,
    flags_of,
)
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = (
    "bytes",
    "characters",
    "words",
    "lines",
    "paragraphs",
    "mean_word_length",
    "max_word_length",
    "mean_line_length",
    "max_line_length",
    "unique_words",
    "word_entropy",
    "capital_words",
    "letters",
    "digits",
    "upper_case",
    "punctuation",
    "white_space",
    "non_ascii",
)
COUNTS = (*COLUMNS[:5], "max_word_length", "max_line_length")
_WORDS, _LINES, _DISTINCT, _CHARACTERS = 5, 7, 9, 12


def statistics(text: U8, offsets: I64, words: Words, lines: Lines) -> F64:
    """float64[documents, len(COLUMNS)]; means and shares of nothing are 0."""
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    longest = int(np.diff(words.offsets).max(initial=0))
    _statistics(text, offsets, *words, *lines, *classes(), longest, found)
    return found


@kernel
def _statistics(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    starts: I64,
    ends: I64,
    hashes: U64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    pages: U16,
    flags: U8,
    longest: int,
    found: F64,
) -> None:
    room = 16
    while room < 2 * longest:
        room *= 2
    table, items = np.empty(room, np.uint64), np.arange(longest).astype(np.int32)
    originals, counts = np.empty(longest, np.int32), np.empty(longest, np.int32)
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        first, after = int(word_firsts[d]), int(word_firsts[d + 1])
        row = found[d]
        row[0], row[1], row[2] = end - begin, code_points(text, begin, end), after - first
        if row[1] == 0:
            continue
        _characters(text, begin, end, starts[first:after], ends[first:after], pages, flags, row)
        if first == after:
            continue
        here, here_after = int(line_firsts[d]), int(line_firsts[d + 1])
        _lines(
            text, starts[first:after], line_starts[here:here_after], line_ends[here:here_after], row
        )
        group(hashes[first:after], items, after - first, table, originals, counts)
        row[_DISTINCT], row[_DISTINCT + 1] = _distinct(originals, counts, after - first)


@kernel
def _characters(
    text: U8, begin: int, end: int, starts: I64, ends: I64, pages: U16, flags: U8, row: F64
) -> None:
    """Lengths of words, and shares of characters."""
    words, characters, in_words, most, capital_words = len(starts), int(row[1]), 0, 0, 0
    letters, digits, capitals, marks, others = 0, 0, 0, 0, 0
    here = begin
    for w in range(words + 1):
        # The white space before the word, or after the last.
        others += _non_ascii(text, here, int(starts[w]) if w < words else end)
        if w == words:
            break
        i, stop = int(starts[w]), int(ends[w])
        length, upper, lower = 0, 0, 0
        while i < stop:
            code, i = code_point_at(text, i)
            kind = flags_of(code, pages, flags)
            length += 1
            letters += (kind & ALPHABETIC) != 0
            digits += (kind & DIGIT) != 0
            upper += (kind & CAPITAL) != 0
            lower += (kind & SMALL) != 0
            marks += (kind & PUNCTUATION) != 0
            others += code >= 0x80
        in_words += length
        most = max(most, length)
        capitals += upper
        capital_words += upper > 0 and lower == 0
        here = stop
    if words > 0:
        row[_WORDS], row[_WORDS + 1] = in_words / words, most
        row[_DISTINCT + 2] = capital_words / words
    row[_CHARACTERS], row[_CHARACTERS + 1] = letters / characters, digits / characters
    row[_CHARACTERS + 2], row[_CHARACTERS + 3] = capitals / characters, marks / characters
    row[_CHARACTERS + 4] = (characters - in_words) / characters
    row[_CHARACTERS + 5] = others / characters


@inlined
def _non_ascii(text: U8, start: int, end: int) -> int:
    """Code points of more than one byte."""
    count = 0
    for i in range(start, end):
        count += int(text[i] >= np.uint8(0xC0))
    return count


@inlined
def _lines(text: U8, starts: I64, line_starts: I64, line_ends: I64, row: F64) -> None:
    """Lines that are not blank, runs of them, and their lengths."""
    lines, paragraphs, total, most, w, after_blank = 0, 0, 0, 0, 0, True
    for k in range(len(line_starts)):
        first = w
        while w < len(starts) and starts[w] < line_ends[k]:
            w += 1
        if w == first:
            after_blank = True
            continue
        length = code_points(text, int(line_starts[k]), int(line_ends[k]))
        lines += 1
        paragraphs += after_blank
        after_blank = False
        total += length
        most = max(most, length)
    row[3], row[4] = lines, paragraphs
    row[_LINES], row[_LINES + 1] = total / lines, most


@inlined
def _distinct(originals: I32, counts: I32, words: int) -> tuple[float, float]:
    """The share of distinct words, and the entropy of the words in nats."""
    distinct, entropy = 0, 0.0
    for w in range(words):
        if originals[w] == w:
            distinct += 1
            share = counts[w] / words
            entropy -= share * math.log(share)
    return distinct / words, entropy
