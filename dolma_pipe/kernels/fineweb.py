"""The line shares behind the FineWeb rules (Penedo et al. 2024), as datatrove counts them.

Blank lines are not counted. A line's length, and what makes two lines equal, is the line as it
stands with the white space around it; only its end mark is looked for before trailing white space.
"""

import numpy as np

from dolma_pipe.kernels.edges import split_marks
from dolma_pipe.kernels.jit import F64, I32, I64, U8, U16, U64, inlined, kernel
from dolma_pipe.kernels.marks import is_in, sorted_marks
from dolma_pipe.kernels.repetition import group
from dolma_pipe.kernels.strings import word_key
from dolma_pipe.kernels.unicode import (
    classes,
    code_points,
    last_code_point,
)
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = ("line_punctuation", "short_lines", "duplicate_line_characters", "newlines_per_word")


def fineweb(
    text: U8,
    offsets: I64,
    words: Words,
    lines: Lines,
    end_marks: str,
    short_length: int,
    punctuation_is_word: bool,
) -> F64:
    """float64[documents, len(COLUMNS)]; every one of a document without words is 0."""
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    longest = int(np.diff(lines.offsets).max(initial=0))
    _fineweb(
        text,
        offsets,
        *words[:3],
        *lines,
        *classes(),
        sorted_marks(end_marks),
        short_length,
        punctuation_is_word,
        longest,
        found,
    )
    return found


@kernel
def _fineweb(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    word_starts: I64,
    word_ends: I64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    pages: U16,
    flags: U8,
    end_marks: I64,
    short_length: int,
    punctuation_is_word: bool,
    longest: int,
    found: F64,
) -> None:
    room = 16
    while room < 2 * longest:
        room *= 2
    table, keys = np.empty(room, np.uint64), np.empty(longest, np.uint64)
    items, lengths = np.empty(longest, np.int32), np.empty(longest, np.int64)
    originals, counts = np.empty(longest, np.int32), np.empty(longest, np.int32)
    for d in range(len(offsets) - 1):
        w, after = int(word_firsts[d]), int(word_firsts[d + 1])
        if w == after:
            continue
        ending, short, n, characters, feeds, tokens = 0, 0, 0, 0, 0, 0
        for k in range(line_firsts[d], line_firsts[d + 1]):
            start, end = int(line_starts[k]), int(line_ends[k])
            length = code_points(text, start, end)
            characters += length
            feeds += end < offsets[d + 1]
            first = w
            while w < after and word_starts[w] < end:
                if punctuation_is_word:
                    start_w, end_w = int(word_starts[w]), int(word_ends[w])
                    tokens += split_marks(text, start_w, end_w, pages, flags)[0]
                w += 1
            if w == first:
                continue
            last = last_code_point(text, start, int(word_ends[w - 1]))[0]
            ending += is_in(last, end_marks)
            short += length <= short_length
            keys[n], items[n], lengths[n] = word_key(text, start, end), n, length
            n += 1
        if not punctuation_is_word:
            tokens = after - int(word_firsts[d])
        found[d, 0], found[d, 1] = ending / n, short / n
        found[d, 2] = _repeated(keys, items, n, lengths, table, originals, counts) / characters
        found[d, 3] = feeds / tokens


@inlined
def _repeated(
    keys: U64, items: I32, n: int, lengths: I64, table: U64, originals: I32, counts: I32
) -> int:
    """Characters of the lines that repeat an earlier one."""
    group(keys, items, n, table, originals, counts)
    characters = 0
    for k in range(n):
        if originals[k] != k:
            characters += lengths[k]
    return characters
