"""Runs of letters in one document: what synthetic tasks call a word, found and hashed once.

A run is an unbroken row of letters (category L*) with the marks (M*) that follow them; anything
else, also a digit, a hyphen or an apostrophe, ends it. In the scripts written without spaces every
letter is a run by itself. Case makes no difference to the hash: it is of simple lower case, and the
final sigma is a sigma.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U8, U16, U64, inlined, kernel
from dolma_pipe.kernels.strings import FNV64_BASIS, FNV64_PRIME
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    MARK,
    SPACE,
    WORD_ALONE,
    classes,
    code_point_at,
    flags_of,
    lower_case,
    lowered,
)

SPACED, HAN, ALONE = 0, 1, 2
"""Kinds of run: of a script with spaces; one Han character; one letter of another such script."""
APART, AFTER_SPACE, TOUCHING = 0, 1, 2
"""What stands between a run and the one before: something, white space alone, nothing."""


class Runs(NamedTuple):
    """starts, ends: int64[runs], bytes; hashes: uint64[runs], of the lower-cased letters.

    letters: int32[runs], without marks. kinds, joins: uint8[runs], see the constants of this
    module. capitals: uint8[runs], 1 where the first letter is one.
    """

    starts: I64
    ends: I64
    hashes: U64
    letters: I32
    kinds: U8
    joins: U8
    capitals: U8


def letter_runs(text: U8) -> Runs:
    """The runs of one document; `text` is valid UTF-8."""
    room = len(text) // 2 + 1  # a run is followed by another byte, or has two bytes and more
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    hashes, letters = np.empty(room, np.uint64), np.empty(room, np.int32)
    kinds, joins, capitals = (np.empty(room, np.uint8) for _ in range(3))
    tables = (*classes(), *lower_case())
    n = _letter_runs(text, *tables, starts, ends, hashes, letters, kinds, joins, capitals)
    return Runs(starts[:n], ends[:n], hashes[:n], letters[:n], kinds[:n], joins[:n], capitals[:n])


@inlined
def _is_han(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFD
    )


@kernel
def _letter_runs(
    text: U8,
    pages: U16,
    flags: U8,
    lower_pages: U16,
    shifts: I32,
    starts: I64,
    ends: I64,
    hashes: U64,
    letters: I32,
    kinds: U8,
    joins: U8,
    capitals: U8,
) -> int:
    n = 0
    i, end = 0, len(text)
    start = -1  # of the run that is open
    join = APART
    h = FNV64_BASIS
    while i <= end:
        at = i
        code, kind = 0, 0  # the end of the document ends a run
        if i == end:
            i += 1
        else:
            code, i = code_point_at(text, i)
            kind = flags_of(code, pages, flags)
        letter = (kind & ALPHABETIC) != 0
        alone = letter and (kind & WORD_ALONE) != 0
        goes_on = start >= 0 and (
            (kind & MARK) != 0 or (letter and not alone and kinds[n] == np.uint8(SPACED))
        )
        if start >= 0 and not goes_on:
            h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            starts[n], ends[n], hashes[n] = start, at, h ^ (h >> np.uint64(32))
            n += 1
            start = -1
            join = TOUCHING
        if letter and start < 0:
            start = at
            h = FNV64_BASIS
            letters[n] = 0
            kinds[n] = (HAN if _is_han(code) else ALONE) if alone else SPACED
            joins[n] = join
            capitals[n] = 1 if (kind & CAPITAL) != 0 else 0
        if start >= 0:
            letters[n] += 1 if letter else 0
            small = lowered(code, lower_pages, shifts)
            small = 0x3C3 if small == 0x3C2 else small
            h = (h ^ np.uint64(small)) * FNV64_PRIME
        elif (kind & SPACE) == 0:
            join = APART
        elif join == TOUCHING:
            join = AFTER_SPACE
    return n
