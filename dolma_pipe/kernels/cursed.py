"""The "cursed" patterns of MADLAD-400 (Kudugunta et al. 2023, appendix, and its data card).

Most are plain strings, some of them only at the end of a sentence. Four are patterns of rows of
short words: nine of three characters, of four, of one, and groups of two between commas. Each is
searched in one pass, and no place is looked at more often than there are patterns.
"""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, inlined, kernel
from dolma_pipe.kernels.strings import stands_at
from dolma_pipe.kernels.unicode import code_point_at

CURSED = (
    (" №", 2),
    ("���", 0),
    ("aute irure dolor ", 1),
    (" sunt in culpa qui ", 15),
    ("orem ipsum ", 6),
    (" quis nostrud ", 1),
    (" adipisicing ", 4),
    (" dolore eu ", 9),
    (" cupidatat ", 3),
    ("autem vel eum", 6),
    ("wisi enim ad", 0),
    (" sex ", 3),
    (" porn ", 1),
    ("黄色电影", 0),
    ("mp3", 2),
    ("ownload", 1),
    ("Vol.", 0),
    (" Ep.", 1),
    ("Episode", 0),
    (" шт.", 2),
    ("Develop", 0),
    ("Facebook", 0),
    (" crusher ", 1),
    (" xxx ", 2),
)
"""String, and the position of its rarest byte, where the search looks first."""
CURSED_ENDS = ("|", " nr.", " г.", " кг.")
CURSED_ROWS = (
    " ... ... ... ... ... ... ... ... ...",
    " .... .... .... .... .... .... .... .... ....",
    " [^ ] [^ ] [^ ] [^ ] [^ ] [^ ] [^ ] [^ ] [^ ]",
    ", ..,,? ..,,? ..,,? ..,,?",
)
"""Regular expressions, as published; the kernel spells them out."""
_ROW = 9
_GROUPS = 4

_SORTED = sorted((text.encode(), at) for text, at in CURSED)
_SORTED.sort(key=lambda pattern: pattern[0][pattern[1]])
_BYTES = np.array([p[0].ljust(24, b"\0") for p in _SORTED]).view(np.uint8).reshape(-1, 24)
_LENGTHS = np.array([len(p[0]) for p in _SORTED])
_ANCHORS = np.array([p[1] for p in _SORTED])
_FIRST = np.searchsorted([p[0][p[1]] for p in _SORTED], np.arange(257)).astype(np.int64)
"""Patterns whose rarest byte is b are _FIRST[b]:_FIRST[b + 1]."""
_END_BYTES = np.array([p.encode().rjust(8, b"\0") for p in CURSED_ENDS])
_ENDS = _END_BYTES.view(np.uint8).reshape(-1, 8)
_END_LENGTHS = np.array([len(p.encode()) for p in CURSED_ENDS])
_SPACE, _COMMA = np.uint8(32), np.uint8(44)


@kernel
def is_cursed(text: U8, start: int, end: int, characters: int) -> bool:
    """Whether a sentence of so many code points, without white space around it, holds a pattern."""
    spaces = 0
    for i in range(start, end):
        byte = int(text[i])
        spaces += byte == 32
        if byte == 44 and _has_groups(text, i, end):
            return True
        for p in range(_FIRST[byte], _FIRST[byte + 1]):
            first = i - int(_ANCHORS[p])
            if first >= start and stands_at(text, first, end, _BYTES[p], int(_LENGTHS[p])):
                return True
    for p in range(len(_END_LENGTHS)):
        length = int(_END_LENGTHS[p])
        if end - start >= length:
            if stands_at(text, end - length, end, _ENDS[p][8 - length :], length):
                return True
    return spaces >= _ROW and _has_row(text, start, end, characters)


@kernel
def _has_groups(text: U8, at: int, end: int) -> bool:
    """Whether the fourth of `CURSED_ROWS` starts with this comma."""
    i = at + 1
    for _ in range(_GROUPS):
        if i >= end or text[i] != _SPACE:
            return False
        i += 1
        for _ in range(2):
            if i >= end:
                return False
            i = code_point_at(text, i)[1]
        if i >= end or text[i] != _COMMA:
            return False
        i += 1
        if i < end and text[i] == _COMMA:
            i += 1
    return True


@kernel
def _has_row(text: U8, start: int, end: int, characters: int) -> bool:
    """Whether one of the first three of `CURSED_ROWS` is in the sentence.

    runs[j % n] counts the spaces n code points apart up to code point j.
    """
    threes, fours, ones = np.zeros(4, np.int64), np.zeros(5, np.int64), np.zeros(2, np.int64)
    i, j, after_space = start, 0, False
    while i < end:
        is_space = text[i] == _SPACE
        i = code_point_at(text, i)[1]
        left = characters - 1 - j
        if _run(threes, j % 4, is_space) >= _ROW and left >= 3:
            return True
        if _run(fours, j % 5, is_space) >= _ROW and left >= 4:
            return True
        if after_space:
            ones[j % 2] = 0
        if _run(ones, j % 2, is_space) >= _ROW and left >= 1 and text[i] != _SPACE:
            return True
        after_space = is_space
        j += 1
    return False


@inlined
def _run(runs: I64, k: int, is_space: bool) -> int:
    runs[k] = runs[k] + 1 if is_space else 0
    return int(runs[k])
