"""The counts behind the Gopher quality rules (Rae et al. 2021, table A1)."""

import numpy as np

from dolma_pipe.kernels.edges import split_marks
from dolma_pipe.kernels.jit import F64, I64, U8, U16, inlined, kernel
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    SPACE,
    classes,
    code_point_at,
    code_points,
    flags_of,
)
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = (
    "words",
    "characters",
    "mean_word_length",
    "symbol_to_word_ratio",
    "bullet_lines",
    "ellipsis_lines",
    "alphabetic_words",
    "stop_words",
)
BULLETS = "•‣▪●○◦⁃∙*-"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


def _as_number(word: str) -> int:
    return int.from_bytes(word.encode(), "big")


_BULLETS = tuple(ord(c) for c in BULLETS)
_STOP_WORDS = tuple(_as_number(w) for w in STOP_WORDS)
_ELLIPSIS = 0x2026
_DOT = np.uint8(ord("."))
_HASH = np.uint8(ord("#"))


def gopher(
    text: U8, offsets: I64, words: Words, lines: Lines, punctuation_is_word: bool = False
) -> F64:
    """float64[documents, len(COLUMNS)]; every ratio of a document without words or lines is 0.

    punctuation_is_word: marks at the ends of a word are split off; they count as words where a
    ratio is per word, but not in `words` and `mean_word_length`.
    """
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    _gopher(text, offsets, *words[:3], *lines, *classes(), punctuation_is_word, found)
    return found


@kernel
def _gopher(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    starts: I64,
    ends: I64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    pages: U16,
    flags: U8,
    punctuation_is_word: bool,
    found: F64,
) -> None:
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        first, after = int(word_firsts[d]), int(word_firsts[d + 1])
        words, tokens = after - first, after - first
        characters = code_points(text, begin, end)
        found[d, 0], found[d, 1] = words, characters
        if words == 0:
            continue
        if punctuation_is_word:
            words, tokens = 0, 0
        between, alphabetic, stops, here = 0, 0, 0, begin
        for w in range(first, after):
            start, stop = int(starts[w]), int(ends[w])
            if punctuation_is_word:
                pieces, start, stop = split_marks(text, start, stop, pages, flags)
                tokens += pieces
                words += start < stop
            between += code_points(text, here, start)
            here = stop
            alphabetic += _has_letter(text, start, stop, pages, flags)
            stops |= _stop_word(text, start, stop)
        between += code_points(text, here, end)
        found[d, 0] = words
        if words > 0:
            found[d, 2] = (characters - between) / words
        found[d, 3] = _symbols(text, begin, end) / tokens
        found[d, 4], found[d, 5] = _line_shares(
            text,
            line_starts[line_firsts[d] : line_firsts[d + 1]],
            line_ends[line_firsts[d] : line_firsts[d + 1]],
            pages,
            flags,
        )
        found[d, 6] = alphabetic / tokens
        for k in range(len(_STOP_WORDS)):
            found[d, 7] += (stops >> k) & 1


@inlined
def _has_letter(text: U8, start: int, end: int, pages: U16, flags: U8) -> int:
    i = start
    while i < end:
        if text[i] < np.uint8(0x80):
            if flags[text[i]] & ALPHABETIC:
                return 1
            i += 1
        else:
            code, i = code_point_at(text, i)
            if flags_of(code, pages, flags) & ALPHABETIC:
                return 1
    return 0


@inlined
def _stop_word(text: U8, start: int, end: int) -> int:
    """The bit of the stop word that this word is in any case of ASCII, 0 if it is none."""
    if end - start < 2 or end - start > 4:
        return 0
    packed = 0
    for i in range(start, end):
        packed = (packed << 8) | (int(text[i]) | 0x20)
    for k in range(len(_STOP_WORDS)):
        if packed == _STOP_WORDS[k]:
            return 1 << k
    return 0


@inlined
def _symbols(text: U8, begin: int, end: int) -> int:
    """The larger of the number of # and the number of ellipses."""
    hashes, ellipses, dots = 0, 0, 0
    for i in range(begin, end):
        byte = text[i]
        if byte == _DOT:
            dots += 1
            if dots == 3:
                ellipses += 1
                dots = 0
        else:
            dots = 0
            if byte == _HASH:
                hashes += 1
            elif byte == np.uint8(0xE2) and code_point_at(text, i)[0] == _ELLIPSIS:
                ellipses += 1
    return max(hashes, ellipses)


@inlined
def _line_shares(text: U8, starts: I64, ends: I64, pages: U16, flags: U8) -> tuple[float, float]:
    """The shares of lines that start with a bullet and that end in an ellipsis; no blank ones."""
    lines, bullets, ellipses = 0, 0, 0
    for k in range(len(starts)):
        i, end = int(starts[k]), int(ends[k])
        code, after = SPACE, i
        while i < end:
            code, after = code_point_at(text, i)
            if flags_of(code, pages, flags) & SPACE == 0:
                break
            i = after
        if i >= end:
            continue
        lines += 1
        for bullet in _BULLETS:
            if code == bullet:
                bullets += 1
                break
        ellipses += _ends_in_ellipsis(text, i, end, pages, flags)
    if lines == 0:
        return 0.0, 0.0
    return bullets / lines, ellipses / lines


@inlined
def _ends_in_ellipsis(text: U8, start: int, end: int, pages: U16, flags: U8) -> int:
    """Whether the last code point that is no white space ends "..." or is an ellipsis."""
    last = end - 1
    while last >= start:
        while text[last] & np.uint8(0xC0) == np.uint8(0x80):
            last -= 1
        code = code_point_at(text, last)[0]
        if flags_of(code, pages, flags) & SPACE == 0:
            if code == _ELLIPSIS:
                return 1
            dots = last - 2 >= start and code == _DOT
            return int(dots and text[last - 1] == _DOT and text[last - 2] == _DOT)
        last -= 1
    return 0
