"""Words and lines of a batch: found once, hashed once, and handed to every tagger that asks.

A word is a run between Unicode white space (`str.isspace`), except that in the scripts written
without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) every code point is a word
together with the marks (category M*) that follow it. Elsewhere a mark belongs to the run it stands
in. A Chinese document is so many words and not one.

A line ends at a line feed or at the end of the document; other separators (U+0085, U+2028, a lone
carriage return) are white space inside a line. The line feed is not part of it. Nothing follows a
last line feed: "a\\n" is one line.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, U64, kernel
from dolma_pipe.kernels.strings import FNV64_BASIS, FNV64_PRIME
from dolma_pipe.kernels.unicode import (
    MARK,
    SPACE,
    WORD_ALONE,
    classes,
    code_point_at,
    flags_of,
)


class Words(NamedTuple):
    """offsets: int64[documents + 1], the words of document d are offsets[d]:offsets[d + 1].

    starts, ends: int64[words], bytes from the start of `text` (not of the document).
    hashes: uint64[words], well mixed, of the word's bytes as they stand, the same on every
        machine.
    """

    offsets: I64
    starts: I64
    ends: I64
    hashes: U64


class Lines(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[lines], bytes from the start of `text`.

    Blank lines are lines.
    """

    offsets: I64
    starts: I64
    ends: I64


def split_words(text: U8, offsets: I64) -> Words:
    """The words of every document; `text` is valid UTF-8, `offsets` int64[documents + 1]."""
    documents = len(offsets) - 1
    room = (int(offsets[-1] - offsets[0]) + documents) // 2 + 1
    # A word needs two bytes and more, so this is enough; memory that is not written costs nothing.
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    hashes, firsts = np.empty(room, np.uint64), np.zeros(documents + 1, np.int64)
    n = _split_words(text, offsets, *classes(), firsts, starts, ends, hashes)
    return Words(firsts, starts[:n], ends[:n], hashes[:n])


def split_lines(text: U8, offsets: I64) -> Lines:
    """The lines of every document."""
    documents = len(offsets) - 1
    body = text[offsets[0] : offsets[-1]]
    room = int(np.count_nonzero(body == ord("\n"))) + documents
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    firsts = np.zeros(documents + 1, np.int64)
    n = _split_lines(text, offsets, firsts, starts, ends)
    return Lines(firsts, starts[:n], ends[:n])


@kernel
def _split_words(
    text: U8,
    offsets: I64,
    pages: U16,
    flags: U8,
    firsts: I64,
    starts: I64,
    ends: I64,
    hashes: U64,
) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        i, end = int(offsets[d]), int(offsets[d + 1])
        start = -1  # of the word that is open
        alone = False  # the open word is one code point of a script without spaces
        h = np.uint64(0)
        while i <= end:
            at = i
            kind = SPACE  # the end of a document ends a word
            if i == end:
                i += 1
            elif text[i] < np.uint8(0x80):
                kind = int(flags[text[i]])
                i += 1
            else:
                code, i = code_point_at(text, i)
                kind = flags_of(code, pages, flags)
            if start >= 0 and (
                (kind & (SPACE | WORD_ALONE)) != 0 or (alone and (kind & MARK) == 0)
            ):
                h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
                starts[n], ends[n], hashes[n] = start, at, h ^ (h >> np.uint64(32))
                n += 1
                start = -1
            if (kind & SPACE) == 0:
                if start < 0:
                    start = at
                    alone = (kind & WORD_ALONE) != 0
                    h = FNV64_BASIS  # FNV-1a, mixed when the word ends
                for k in range(at, i):
                    h = (h ^ np.uint64(text[k])) * FNV64_PRIME
        firsts[d + 1] = n
    return n


@kernel
def _split_lines(text: U8, offsets: I64, firsts: I64, starts: I64, ends: I64) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        start, end = int(offsets[d]), int(offsets[d + 1])
        for i in range(start, end):
            if text[i] == np.uint8(10):
                starts[n], ends[n] = start, i
                n += 1
                start = i + 1
        if start < end:
            starts[n], ends[n] = start, end
            n += 1
        firsts[d + 1] = n
    return n
