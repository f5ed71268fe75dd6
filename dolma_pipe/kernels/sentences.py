"""Sentences of a batch: found once and handed to every tagger that asks.

A sentence ends with its line. Inside a line it ends after a word whose last character, but for
closing quotes and brackets, is an end mark (. ! ? … or a sentence terminal of any script), if the
next word does not start with a small letter (`str.islower`). The wide marks of Chinese and Japanese
(。 ！ ？) end one wherever they stand, with the marks and closing quotes that follow them, because
no space follows there.

This is the rule of C4's scripts made explicit, without a model or a list of abbreviations: "e.g.
with" goes on, "Mr. Smith" is cut in two. Splitters that know abbreviations (NLTK's Punkt) need
a model for each language.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, inlined, kernel
from dolma_pipe.kernels.marks import SENTENCE_TERMINALS, is_in, sorted_marks
from dolma_pipe.kernels.unicode import SMALL, classes, code_point_at, flags_of, last_code_point
from dolma_pipe.kernels.words import Lines, Words

WIDE_ENDS = "。！？｡"
ENDS = SENTENCE_TERMINALS + "…"
CLOSERS = "\"'”’»)]}」』）"

_WIDE_LEADS = tuple(sorted({mark.encode()[0] for mark in WIDE_ENDS}))
_WIDE_ENDS, _ENDS, _CLOSERS = map(sorted_marks, (WIDE_ENDS, ENDS, CLOSERS))
_END, _CLOSER = 1, 2
_ASCII_KIND = np.zeros(128, np.uint8)
for _characters, _kind_of_them in ((ENDS, _END), (CLOSERS, _CLOSER)):
    _ASCII_KIND[[ord(c) for c in _characters if c.isascii()]] = _kind_of_them


class Sentences(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[sentences], bytes from the start of text.

    White space around a sentence is not part of it, and none is empty: a blank line has none.
    """

    offsets: I64
    starts: I64
    ends: I64


def split_sentences(text: U8, words: Words, lines: Lines) -> Sentences:
    """The sentences of every document, from its words and lines."""
    wide = sum(int(np.count_nonzero(text == lead)) for lead in _WIDE_LEADS)
    room = len(words.starts) + wide  # every sentence ends with a word or inside one
    firsts = np.zeros(len(words.offsets), np.int64)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    n = _split_sentences(text, *words[:3], *lines, *classes(), firsts, starts, ends)
    return Sentences(firsts, starts[:n], ends[:n])


@kernel
def _split_sentences(
    text: U8,
    word_firsts: I64,
    word_starts: I64,
    word_ends: I64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    pages: U16,
    flags: U8,
    firsts: I64,
    starts: I64,
    ends: I64,
) -> int:
    n = 0
    for d in range(len(word_firsts) - 1):
        w, after = int(word_firsts[d]), int(word_firsts[d + 1])
        for k in range(line_firsts[d], line_firsts[d + 1]):
            line_end = int(line_ends[k])
            wide = _has_wide(text, int(line_starts[k]), line_end)
            start = -1  # of the sentence that is open
            while w < after and word_starts[w] < line_end:
                here, end = int(word_starts[w]), int(word_ends[w])
                if start < 0:
                    start = here
                w += 1
                ended = False
                while wide and here < end:
                    here, ended = _wide_end(text, here, end)
                    if ended and here < end:
                        starts[n], ends[n] = start, here
                        n += 1
                        start = here
                if not ended:
                    if w == after or word_starts[w] >= line_end:
                        ended = True
                    elif _ends_sentence(text, int(word_starts[w - 1]), end):
                        ended = not _is_small(text, int(word_starts[w]), pages, flags)
                if ended:
                    starts[n], ends[n] = start, end
                    n += 1
                    start = -1
        firsts[d + 1] = n
    return n


@inlined
def _has_wide(text: U8, start: int, end: int) -> bool:
    """Whether a wide end mark may stand here."""
    found = False
    for i in range(start, end):
        found |= (text[i] == np.uint8(0xE3)) | (text[i] == np.uint8(0xEF))
    return found


@inlined
def _kind(code: int) -> int:
    """An end mark, a closing quote or bracket, or 0."""
    if code < 0x80:
        return int(_ASCII_KIND[code])
    if is_in(code, _ENDS):
        return _END
    return _CLOSER if is_in(code, _CLOSERS) else 0


@inlined
def _wide_end(text: U8, here: int, end: int) -> tuple[int, bool]:
    """Where the sentence ends after the next wide mark of this stretch; the end without one."""
    found = False
    while here < end:
        code, after = code_point_at(text, here)
        if found and _kind(code) == 0:
            break
        found |= is_in(code, _WIDE_ENDS)
        here = after
    return here, found


@inlined
def _ends_sentence(text: U8, start: int, end: int) -> bool:
    """Whether the last code point before any closing quotes and brackets is an end mark."""
    while end > start:
        code, end = last_code_point(text, start, end)
        kind = _kind(code)
        if kind != _CLOSER:
            return kind == _END
    return False


@inlined
def _is_small(text: U8, at: int, pages: U16, flags: U8) -> bool:
    """Whether a small letter starts here."""
    return flags_of(code_point_at(text, at)[0], pages, flags) & SMALL != 0
