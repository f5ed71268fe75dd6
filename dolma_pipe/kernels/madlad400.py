"""Which sentences the rules 2 to 5 of MADLAD-400 question (Kudugunta et al. 2023, section 2.3)."""

import numpy as np

from dolma_pipe.kernels.cursed import is_cursed
from dolma_pipe.kernels.jit import I64, U8, U16, inlined, kernel
from dolma_pipe.kernels.sentences import Sentences
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    DIGIT,
    classes,
    code_point_at,
    code_points,
    flags_of,
)
from dolma_pipe.kernels.words import Words

LANGUAGE, LIST_CASE, LENGTH, TECHNICAL, CURSED = (1 << rule for rule in range(1, 6))
"""Bit 1 << rule of a sentence's flags."""
TECHNICAL_CHARACTERS = "0123456789{}+/()>"
_IS_TECHNICAL = np.zeros(256, np.uint8)
_IS_TECHNICAL[list(TECHNICAL_CHARACTERS.encode())] = 1


def madlad400(
    text: U8,
    words: Words,
    sentences: Sentences,
    min_list_words: int,
    max_capitalised: float,
    min_characters: int,
    max_characters: int,
    max_technical: float,
) -> U8:
    """uint8[sentences]: the bits of the rules that question each; the bit of rule 1 is not set."""
    flags = np.zeros(len(sentences.starts), np.uint8)
    limits = (min_list_words, max_capitalised, min_characters, max_characters, max_technical)
    _madlad400(text, *words[:3], *sentences, *classes(), limits, flags)
    return flags


@kernel
def _madlad400(
    text: U8,
    word_firsts: I64,
    word_starts: I64,
    word_ends: I64,
    firsts: I64,
    starts: I64,
    ends: I64,
    pages: U16,
    classes_of: U8,
    limits: tuple[int, float, int, int, float],
    flags: U8,
) -> None:
    for d in range(len(firsts) - 1):
        w, after = int(word_firsts[d]), int(word_firsts[d + 1])
        for s in range(firsts[d], firsts[d + 1]):
            start, end = int(starts[s]), int(ends[s])
            words, capitalised = 0, 0
            while w < after and word_starts[w] < end:
                word_end = min(end, int(word_ends[w]))
                kind = _first_kind(
                    text, max(start, int(word_starts[w])), word_end, pages, classes_of
                )
                words += kind != 0
                capitalised += (kind & CAPITAL) != 0
                if word_ends[w] > end:  # the rest is in the next sentence
                    break
                w += 1
            characters = code_points(text, start, end)
            found = 0
            if words >= limits[0] and capitalised > limits[1] * words:
                found |= LIST_CASE
            if characters < limits[2] or characters > limits[3]:
                found |= LENGTH
            if _technical(text, start, end) > limits[4] * characters:
                found |= TECHNICAL
            if is_cursed(text, start, end, characters):
                found |= CURSED
            flags[s] = found


@inlined
def _first_kind(text: U8, start: int, end: int, pages: U16, classes_of: U8) -> int:
    """The flags of the first letter or digit of a word, 0 if it has none."""
    i = start
    while i < end:
        code, i = code_point_at(text, i)
        kind = flags_of(code, pages, classes_of)
        if kind & (ALPHABETIC | DIGIT):
            return kind
    return 0


@inlined
def _technical(text: U8, start: int, end: int) -> int:
    count = 0
    for i in range(start, end):
        count += int(_IS_TECHNICAL[text[i]])
    return count
