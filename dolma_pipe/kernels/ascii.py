"""What a byte of ASCII is, and which word stands before a place: for patterns over bytes."""

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

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
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
):
    KIND[list(_characters)] |= _flag


def word_table(words: tuple[str, ...]) -> tuple[U8, I64]:
    """uint8[words, 12] and their lengths: how `word_before` takes a list of lower-case words."""
    rows = [word.encode().ljust(12, b"\0") for word in words]
    return np.array(rows).view(np.uint8).reshape(-1, 12), np.array([len(w) for w in words])


@inlined
def is_kind(text: U8, at: int, begin: int, end: int, kind: np.uint8) -> bool:
    """Whether there is a byte at this place of the document, and of this kind."""
    return begin <= at < end and KIND[text[at]] & kind != 0


@kernel
def word_before(text: U8, at: int, begin: int, words: U8, lengths: I64) -> bool:
    """Whether one of these words, in any case, ends at most 3 label separators before."""
    last = at
    while last > begin and at - last < 3 and KIND[text[last - 1]] & LABEL_SEPARATOR:
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
