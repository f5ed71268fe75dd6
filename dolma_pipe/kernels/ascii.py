"""What a byte of ASCII is, what separates groups of digits, and which word stands before a place:
for patterns over bytes."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, inlined, kernel

DIGIT = np.uint8(1)
LETTER = np.uint8(2)
HEX = np.uint8(4)
WORD = np.uint8(8)
"""A letter, a digit or an underscore."""
LOCAL = np.uint8(16)
"""What the local part of an e-mail address may hold."""
NUMBER_SEPARATOR = np.uint8(32)
"""Between the groups of a phone number."""
LABEL_SEPARATOR = np.uint8(64)
"""Between a word and the number that it announces ("Tel.: ", 'version="')."""
CAPITAL = np.uint8(128)

_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = _CAPITALS + _CAPITALS.lower()
_DIGITS = b"0123456789"
KIND = np.zeros(256, np.uint8)
for _characters, _flag in (
    (_DIGITS, DIGIT),
    (_LETTERS, LETTER),
    (_DIGITS + b"abcdefABCDEF", HEX),
    (_LETTERS + _DIGITS + b"_", WORD),
    (_LETTERS + _DIGITS + b"_.%+-", LOCAL),
    (b" .-/", NUMBER_SEPARATOR),
    (b" :=.\"'(#", LABEL_SEPARATOR),
    (_CAPITALS, CAPITAL),
):
    KIND[list(_characters)] |= _flag

SPACE, HYPHEN = 32, 45
SPACES = "\xa0\u2007\u2009\u202f"
"""Spaces that typesetters put between groups of digits: no-break, figure, thin, narrow no-break."""


def word_table(words: tuple[str, ...]) -> tuple[U8, I64]:
    """uint8[words, 12] and their lengths: how `word_before` takes a list of lower-case words."""
    rows = [word.encode().ljust(12, b"\0") for word in words]
    return np.array(rows).view(np.uint8).reshape(-1, 12), np.array([len(w) for w in words])


@inlined
def is_kind(text: U8, at: int, begin: int, end: int, kind: np.uint8) -> bool:
    """Whether there is a byte at this place of the document, and of this kind."""
    return begin <= at < end and KIND[text[at]] & kind != 0


@kernel
def separator_at(text: U8, at: int, end: int) -> tuple[int, int]:
    """The separator of groups of digits here and its width in bytes, (0, 0) if there is none.

    It is one of " .-/"; the typographic spaces and hyphens count as " " and "-".
    """
    if at >= end:
        return 0, 0
    first = int(text[at])
    if first < 0x80:
        return (first, 1) if KIND[first] & NUMBER_SEPARATOR else (0, 0)
    if first == 0xC2 and at + 1 < end and text[at + 1] == 0xA0:
        return SPACE, 2
    if first == 0xE2 and at + 2 < end and text[at + 1] == 0x80:
        last = int(text[at + 2])
        if last == 0x87 or last == 0x89 or last == 0xAF:
            return SPACE, 3
        if 0x90 <= last <= 0x93:
            return HYPHEN, 3
    return 0, 0


@kernel
def separator_before(text: U8, at: int, begin: int) -> tuple[int, int]:
    """The separator that ends here, as `separator_at`."""
    if at <= begin:
        return 0, 0
    if text[at - 1] < 0x80:
        return separator_at(text, at - 1, at)
    for width in (2, 3):
        if at - width >= begin:
            separator, length = separator_at(text, at - width, at)
            if length == width:
                return separator, width
    return 0, 0


@kernel
def word_before(text: U8, at: int, begin: int, words: U8, lengths: I64) -> bool:
    """Whether one of these words, in any case, ends at most 3 label separators before."""
    last = at
    for _ in range(3):
        separator, width = separator_before(text, last, begin)
        if separator == SPACE:
            last -= width
        elif last > begin and KIND[text[last - 1]] & LABEL_SEPARATOR:
            last -= 1
    first = last
    while first > begin and KIND[text[first - 1]] & LETTER:
        first -= 1
        if last - first > words.shape[1]:
            return False
    if first > begin and KIND[text[first - 1]] & WORD:
        return False
    for w in range(len(lengths)):
        if lengths[w] == last - first:
            same = True
            for k in range(last - first):
                if (text[first + k] | np.uint8(32)) != words[w, k]:
                    same = False
                    break
            if same:
                return True
    return False
