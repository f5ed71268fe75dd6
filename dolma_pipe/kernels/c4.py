"""The C4 line and page rules (Raffel et al. 2020): which lines go and why, and what a page holds.

A line is judged without the white space around it; a blank line is no line, and goes with a removed
line before it. A line stays if it ends in an end mark but not in "...", has enough words, and holds
neither "javascript" nor a policy phrase. Phrases are found in any case of ASCII.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U8, inlined, kernel
from dolma_pipe.kernels.sentences import Sentences
from dolma_pipe.kernels.unicode import code_points, last_code_point
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = (
    "lines",
    "kept_lines",
    "removed_share",
    "sentences",
    "has_curly_bracket",
    "has_lorem_ipsum",
    "has_policy",
)
NO_END_MARK, FEW_WORDS, HAS_JAVASCRIPT, HAS_POLICY = 1, 2, 3, 4
"""Why a line is removed; the first that holds."""

JAVASCRIPT, LOREM_IPSUM, POLICY, CURLY_BRACKET = 1, 2, 4, 8
PHRASES = (
    ("javascript", 0, JAVASCRIPT),
    ("lorem ipsum", 4, LOREM_IPSUM),
    ("terms of use", 7, POLICY),
    ("privacy policy", 3, POLICY),
    ("cookie policy", 3, POLICY),
    ("uses cookies", 8, POLICY),
    ("use of cookies", 10, POLICY),
    ("use cookies", 7, POLICY),
    ("{", 0, CURLY_BRACKET),
)
"""Phrase, the position of its rarest letter (where the search looks first), and its bit."""

_BYTES = np.array([p[0].encode().ljust(16, b"\0") for p in PHRASES]).view(np.uint8).reshape(-1, 16)
_LENGTHS = np.array([len(p[0]) for p in PHRASES])
_ANCHORS = np.array([p[1] for p in PHRASES])
_BITS = np.array([p[2] for p in PHRASES])
_IS_ANCHOR = np.zeros(256, np.uint8)
for _phrase, _at, _ in PHRASES:
    _IS_ANCHOR[[ord(_phrase[_at]), ord(_phrase[_at].upper())]] = 1
_DOT = np.uint8(ord("."))


class Removed(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[spans], bytes from the document's start.

    reasons: float64[spans].
    """

    offsets: I64
    starts: I64
    ends: I64
    reasons: F64


def c4(
    text: U8,
    offsets: I64,
    words: Words,
    lines: Lines,
    sentences: Sentences,
    end_marks: str,
    min_words: int,
) -> tuple[F64, Removed]:
    """float64[documents, len(COLUMNS)], and the lines to remove with their line feeds."""
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    spans = len(lines.starts)
    firsts = np.zeros(len(offsets), np.int64)
    starts, ends = np.empty(spans, np.int64), np.empty(spans, np.int64)
    reasons = np.empty(spans, np.float64)
    marks = np.array([ord(c) for c in end_marks], np.int64)
    n = _c4(
        text,
        offsets,
        *words[:3],
        *lines,
        sentences.starts,
        marks,
        min_words,
        found,
        firsts,
        starts,
        ends,
        reasons,
    )
    return found, Removed(firsts, starts[:n], ends[:n], reasons[:n])


@kernel
def _c4(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    word_starts: I64,
    word_ends: I64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    sentence_starts: I64,
    end_marks: I64,
    min_words: int,
    found: F64,
    firsts: I64,
    starts: I64,
    ends: I64,
    reasons: F64,
) -> int:
    n, s = 0, 0
    for d in range(len(offsets) - 1):
        begin = int(offsets[d])
        w, after = int(word_firsts[d]), int(word_firsts[d + 1])
        lines, kept, characters, removed, sentences, holds = 0, 0, 0, 0, 0, 0
        is_open = False  # the last span may still take blank lines in
        for k in range(line_firsts[d], line_firsts[d + 1]):
            first = w
            while w < after and word_starts[w] < line_ends[k]:
                w += 1
            if w == first:
                continue
            first_sentence = s
            while s < len(sentence_starts) and sentence_starts[s] < line_ends[k]:
                s += 1
            start, end = int(word_starts[first]), int(word_ends[w - 1])
            here = _phrases(text, start, end)
            length = code_points(text, start, end)
            holds |= here
            lines += 1
            characters += length
            if is_open:
                ends[n - 1] = line_starts[k] - begin
            reason = _reason(text, start, end, end_marks, w - first < min_words, here)
            is_open = reason != 0
            if is_open:
                removed += length
                starts[n], reasons[n] = line_starts[k] - begin, reason
                n += 1
            else:
                kept += 1
                sentences += s - first_sentence
        if is_open:
            ends[n - 1] = offsets[d + 1] - begin
        firsts[d + 1] = n
        found[d, 0], found[d, 1], found[d, 3] = lines, kept, sentences
        if characters > 0:
            found[d, 2] = removed / characters
        found[d, 4] = (holds & CURLY_BRACKET) != 0
        found[d, 5] = (holds & LOREM_IPSUM) != 0
        found[d, 6] = (holds & POLICY) != 0
    return n


@inlined
def _reason(text: U8, start: int, end: int, end_marks: I64, few_words: bool, holds: int) -> int:
    """Why this line goes, 0 if it stays."""
    last, _ = last_code_point(text, start, end)
    ends_well = False
    for mark in end_marks:
        if last == mark:
            ends_well = True
    if last == _DOT and end - start >= 3 and text[end - 2] == _DOT and text[end - 3] == _DOT:
        ends_well = False
    if not ends_well and len(end_marks) > 0:
        return NO_END_MARK
    if few_words:
        return FEW_WORDS
    if holds & JAVASCRIPT:
        return HAS_JAVASCRIPT
    if holds & POLICY:
        return HAS_POLICY
    return 0


@kernel
def _phrases(text: U8, start: int, end: int) -> int:
    """The bits of the phrases that this stretch holds."""
    holds = 0
    for i in range(start, end):
        if _IS_ANCHOR[text[i]]:
            for p in range(len(_BITS)):
                first = i - _ANCHORS[p]
                if first < start or first + _LENGTHS[p] > end:
                    continue
                same = True
                for k in range(_LENGTHS[p]):
                    byte = text[first + k]
                    if np.uint8(65) <= byte <= np.uint8(90):
                        byte |= np.uint8(32)
                    if byte != _BYTES[p, k]:
                        same = False
                        break
                if same:
                    holds |= _BITS[p]
    return holds
