"""What a code point is (white space, letter, ...) and its lower case, as small tables for kernels.

The tables come from Python's `unicodedata`, so `str` methods are their reference: SPACE is
`str.isspace`, ALPHABETIC is `str.isalpha`, SMALL is `str.islower`, CAPITAL is `str.isupper`, DIGIT
is category Nd, PUNCTUATION is every category P* and S*, MARK is every category M*. They are two-
level (pages of 256 code points, equal pages stored once: some 40 KB) and go to kernels as
arguments: a global array would be frozen into the machine code of every kernel that names it.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.kernels.jit import I32, U8, U16, inlined

SPACE = 1
ALPHABETIC = 2
PUNCTUATION = 4
DIGIT = 8
MARK = 16
WORD_ALONE = 32
"""Of Han, Hiragana, Katakana, Thai, Lao, Khmer or Myanmar and no mark: a word by itself."""
SMALL = 64
CAPITAL = 128

CODE_POINTS = 0x110000

SCRIPTS_WITHOUT_SPACES = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x19E0, 0x19FF),  # Khmer symbols
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3005),  # Han iteration mark
    (0x3007, 0x3007),  # Han zero
    (0x3021, 0x3029),  # Han numerals
    (0x3038, 0x303B),  # Han numerals and iteration mark
    (0x3041, 0x309F),  # Hiragana
    (0x30A1, 0x30FA),  # Katakana
    (0x30FC, 0x30FF),  # Katakana length and iteration marks
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAA7F),  # Myanmar
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # Katakana, half width
    (0x116D0, 0x116FF),  # Myanmar
    (0x1AFF0, 0x1B16F),  # Kana
    (0x20000, 0x3FFFD),  # Han, planes 2 and 3
)

ASSIGNED = ((0, 0x40000), (0xE0000, 0xE0200))
"""Elsewhere are only unassigned and private code points, without flags: asking would cost .1 s."""


class Classes(NamedTuple):
    """pages: uint16[4352], the page of code point c is pages[c >> 8]; flags: uint8[pages * 256]."""

    pages: U16
    flags: U8


class LowerCase(NamedTuple):
    """pages: uint16[4352]; shifts: int32[pages * 256], to be added to the code point."""

    pages: U16
    shifts: I32


@cache
def classes() -> Classes:
    """Flags of every code point (see the constants of this module)."""
    flags = np.zeros(CODE_POINTS, np.uint8)
    for first, after in ASSIGNED:
        category = np.array(list(map(unicodedata.category, map(chr, range(first, after)))))
        kind = category.astype("U1")
        block = flags[first:after]
        block[kind == "L"] |= ALPHABETIC
        block[(kind == "P") | (kind == "S")] |= PUNCTUATION
        block[kind == "M"] |= MARK
        block[category == "Nd"] |= DIGIT
        for flag, has in ((SPACE, str.isspace), (SMALL, str.islower), (CAPITAL, str.isupper)):
            block[list(map(has, map(chr, range(first, after))))] |= flag
    for first, last in SCRIPTS_WITHOUT_SPACES:
        block = flags[first : last + 1]
        block[(block & MARK) == 0] |= WORD_ALONE
    pages, distinct = paged(flags)
    return Classes(pages, np.frombuffer(distinct, np.uint8))


@cache
def lower_case() -> LowerCase:
    """Simple lower-casing, one code point to one: `chr(c).lower()` where that is one code point.

    The one exception in Unicode is U+0130 (I with a dot above), whose full lower case is two code
    points: it becomes i.
    """
    shifts = np.zeros(CODE_POINTS, np.int32)
    for first, after in ASSIGNED:
        lower = np.array(list(map(str.lower, map(chr, range(first, after)))), "U1").view(np.int32)
        shifts[first:after] = lower - np.arange(first, after, dtype=np.int32)
    shifts[0] = 0  # numpy reads a NUL as an empty string
    pages, distinct = paged(shifts)
    return LowerCase(pages, np.frombuffer(distinct, np.int32))


def paged(values: npt.NDArray[np.generic]) -> tuple[U16, bytes]:
    """The page of every 256 code points, and the distinct pages in the order of their first use.

    So page 0 is that of ASCII and Latin-1: their flags stand at the code point itself.
    """
    numbers: dict[bytes, int] = {}
    pages = [numbers.setdefault(page.tobytes(), len(numbers)) for page in values.reshape(-1, 256)]
    return np.array(pages, np.uint16), b"".join(numbers)


@inlined
def flags_of(code: int, pages: U16, flags: U8) -> int:
    """The flags of one code point."""
    return int(flags[(int(pages[code >> 8]) << 8) + (code & 255)])


@inlined
def lowered(code: int, pages: U16, shifts: I32) -> int:
    """The simple lower case of one code point."""
    return code + int(shifts[(int(pages[code >> 8]) << 8) + (code & 255)])


@inlined
def code_point_at(text: U8, at: int) -> tuple[int, int]:
    """The code point that starts at this byte of valid UTF-8, and the position of the next one."""
    lead = int(text[at])
    if lead < 0x80:
        return lead, at + 1
    if lead < 0xE0:
        return ((lead & 31) << 6) | (int(text[at + 1]) & 63), at + 2
    if lead < 0xF0:
        high = ((lead & 15) << 12) | ((int(text[at + 1]) & 63) << 6)
        return high | (int(text[at + 2]) & 63), at + 3
    high = ((lead & 7) << 18) | ((int(text[at + 1]) & 63) << 12)
    return high | ((int(text[at + 2]) & 63) << 6) | (int(text[at + 3]) & 63), at + 4


@inlined
def last_code_point(text: U8, start: int, end: int) -> tuple[int, int]:
    """The last code point of a stretch that is not empty, and where it starts."""
    at = end - 1
    while at > start and text[at] & np.uint8(0xC0) == np.uint8(0x80):
        at -= 1
    return code_point_at(text, at)[0], at


@inlined
def code_points(text: U8, start: int, end: int) -> int:
    """How many code points these bytes of valid UTF-8 hold."""
    count = 0
    for i in range(start, end):
        count += int((text[i] & np.uint8(0xC0)) != np.uint8(0x80))
    return count
