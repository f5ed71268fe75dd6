"""Which script a letter is of, and the letters of each script in a document.

A letter is what `str.isalpha` says. Its script is read off its name in Python's `unicodedata`
("CYRILLIC SMALL LETTER A"), which is the Scripts property of Unicode but for some dozens of rare
letters. Marks (the vowel signs of Indic scripts and Thai) are no letters.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, I32, I64, U8, U16, kernel
from dolma_pipe.kernels.unicode import (
    ASSIGNED,
    CODE_POINTS,
    MARK,
    SPACE,
    classes,
    code_point_at,
    flags_of,
    paged,
)

SCRIPTS = (
    "latin",
    "cyrillic",
    "greek",
    "armenian",
    "georgian",
    "hebrew",
    "arabic",
    "ethiopic",
    "devanagari",
    "bengali",
    "gurmukhi",
    "gujarati",
    "oriya",
    "tamil",
    "telugu",
    "kannada",
    "malayalam",
    "sinhala",
    "thai",
    "lao",
    "tibetan",
    "myanmar",
    "khmer",
    "hangul",
    "kana",
    "han",
    "other",
)
_NUMBERS = {name.upper(): number for number, name in enumerate(SCRIPTS)}
_NUMBERS |= dict.fromkeys(("CJK", "IDEOGRAPHIC", "VERTICAL"), SCRIPTS.index("han"))
_NUMBERS |= dict.fromkeys(("FEMININE", "MASCULINE"), SCRIPTS.index("latin"))
_NUMBERS |= dict.fromkeys(
    ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HENTAIGANA"), SCRIPTS.index("kana")
)
_LATIN, _OTHER = SCRIPTS.index("latin"), SCRIPTS.index("other")
_NONE = len(SCRIPTS)


class ScriptTable(NamedTuple):
    """pages: uint16[4352], the page of code point c is pages[c >> 8]; numbers: uint8[pages * 256],
    indices into SCRIPTS, len(SCRIPTS) for what is no letter."""

    pages: U16
    numbers: U8


@cache
def script_table() -> ScriptTable:
    """The script of every letter."""
    numbers = np.full(CODE_POINTS, _NONE, np.uint8)
    for first, after in ASSIGNED:
        for code in range(first, after):
            if chr(code).isalpha():
                numbers[code] = _script_of(unicodedata.name(chr(code), ""))
    pages, distinct = paged(numbers)
    return ScriptTable(pages, np.frombuffer(distinct, np.uint8))


def _script_of(name: str) -> int:
    """MODIFIER LETTER CYRILLIC EN is Cyrillic, MODIFIER LETTER SMALL H Latin."""
    words = [word for word in name.split() if word not in ("FULLWIDTH", "HALFWIDTH")]
    if words[:2] == ["MODIFIER", "LETTER"]:
        return next((_NUMBERS[word] for word in words if word in _NUMBERS), _LATIN)
    return _NUMBERS.get(words[0], _OTHER) if words else _OTHER


def scripts(text: U8, offsets: I64) -> tuple[F64, F64, I32]:
    """The share of each script float64[documents, len(SCRIPTS)] among the letters, the share of
    letters float64[documents] among the code points without white space and marks (both 0 of
    nothing), and the script with most letters int32[documents], the first of several, -1 for none.
    """
    documents = len(offsets) - 1
    shares, letters = np.zeros((documents, len(SCRIPTS))), np.zeros(documents)
    top = np.full(documents, -1, np.int32)
    _scripts(text, offsets, *script_table(), *classes(), shares, letters, top)
    return shares, letters, top


@kernel
def _scripts(
    text: U8,
    offsets: I64,
    script_pages: U16,
    numbers: U8,
    pages: U16,
    flags: U8,
    shares: F64,
    letters: F64,
    top: I32,
) -> None:
    counts = np.empty(len(SCRIPTS) + 1, np.int64)
    for d in range(len(offsets) - 1):
        counts[:] = 0
        i, end, silent = int(offsets[d]), int(offsets[d + 1]), 0
        while i < end:
            code, i = code_point_at(text, i)
            number = flags_of(code, script_pages, numbers)
            counts[number] += 1
            if number == _NONE:
                silent += (flags_of(code, pages, flags) & (SPACE | MARK)) != 0
        total = 0
        for s in range(len(SCRIPTS)):
            total += counts[s]
        if total == 0:
            continue
        letters[d] = total / (total + counts[_NONE] - silent)
        best = 0
        for s in range(len(SCRIPTS)):
            shares[d, s] = counts[s] / total
            if counts[s] > counts[best]:
                best = s
        top[d] = best
