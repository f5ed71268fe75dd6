"""Numbered headings of plain text: "2.3 Results", "IV. The Return", "Chapter 1", "第一章 引言"."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, kernel
from dolma_pipe.kernels.structure_words import (
    DIVISIONS,
    HeadingWords,
    after_white,
    cased,
    find_word,
    white_width,
)
from dolma_pipe.kernels.unicode import ALPHABETIC, SMALL, code_point_at, flags_of

MAX_BYTES, MAX_TITLE, MAX_TITLE_WORDS = 400, 80, 10
"""Of a numbered line; of its title, in code points and words."""
MAX_COUNTED = 40
"""Code points of a line that begins with 第 or 제."""
CHAPTER = -1
ROMAN = 1000
ENDERS = ".,;:!。，；：！"
"""What no title ends with."""
NO_NUMBERED = "$\\={}<>|"
"""Signs that no numbered title has: there are lists of statements, too."""
NUMERALS = "一二三四五六七八九十百千零〇两"
COUNTERS = {
    **dict.fromkeys("章回卷篇部编編幕장편부", 1),
    **dict.fromkeys("节節절", 2),
    **dict.fromkeys("条條조", 3),
}
"""Level by what stands behind 第 and a number."""
ZEROS = (0x30, 0x660, 0x6F0, 0x966, 0xFF10)
"""Digits: ASCII, Arabic, Persian, Devanagari, full width."""

_NO_NUMBERED = np.array([ord(c) for c in NO_NUMBERED])
_ENDERS = np.array([ord(c) for c in ENDERS])
_NUMERALS = np.array([ord(c) for c in NUMERALS])
_COUNTERS = np.array([ord(c) for c in COUNTERS])
_COUNTER_LEVELS = np.array(list(COUNTERS.values()))
_ORDER = (0x7B2C, 0xC81C)  # 第 제
_LONGEST = 32
_DIVISION_SHAPES = np.zeros((32, 32, _LONGEST), np.bool_)
"""By two bytes and the length of a word: whether a division may have it."""
for _word in cased(tuple(DIVISIONS)):
    _bytes = _word.encode()
    _DIVISION_SHAPES[_bytes[0] & 31, _bytes[1] & 31, len(_bytes)] = True
_NUMBER_LEADS = np.zeros((256, 256), np.bool_)
"""By two bytes: whether a digit beyond ASCII, 第 or 제 begins so."""
for _code in (*_ORDER, *(zero + k for zero in ZEROS[1:] for k in range(10))):
    _bytes = chr(_code).encode()
    _NUMBER_LEADS[_bytes[0], _bytes[1]] = True
_LETTER_VALUES = np.zeros(256, np.int64)
for _letter, _value in zip(b"IVXLC", (1, 5, 10, 50, 100), strict=True):
    _LETTER_VALUES[_letter] = _value


@kernel
def may_be_numbered(text: U8, a: int, b: int) -> bool:
    """Whether it is worth asking `numbered`, by the first bytes of a line and the shape of its
    first word: a cheap look, that takes no part in the decision."""
    if b - a > MAX_BYTES:
        return False
    first, second = int(text[a]), int(text[a + 1]) if a + 1 < b else 46
    if first < 0x80:
        if 48 <= first <= 57:
            return True
        if first < 65 or first > 90:
            return False
        if second == 46 or _LETTER_VALUES[second] > 0:  # A. or II
            return True
    elif _NUMBER_LEADS[first, second]:
        return True
    i = a
    while i < b and i - a < _LONGEST and white_width(text, i) == 0:
        i += 1
    if i >= b or not _DIVISION_SHAPES[first & 31, second & 31, i - a]:
        return False
    i = after_white(text, i, b)
    return i < b and not 97 <= text[i] <= 122


@kernel
def numbered(
    text: U8, a: int, b: int, words: HeadingWords, pages: U16, classes: U8
) -> tuple[int, int]:
    """Number and level of a line, (0, 0) if it has none: see LineFacts."""
    first = int(text[a])
    value, depth = _decimal(text, a, b, pages, classes)
    if depth == 0 and first <= 90:
        value, depth = _roman(text, a, b, pages, classes)
    if depth == 0:
        value, depth = _counted(text, a, b)
    if depth == 0 and first > 57:
        value, depth = _division(text, a, b, words, pages, classes)
    return value, depth


@kernel
def _digits(text: U8, at: int, end: int, most: int) -> tuple[int, int]:
    """The number that stands here and what is behind it; (-1, at) if none, or too many digits."""
    value, count, i = 0, 0, at
    while i < end:
        code, after = code_point_at(text, i)
        digit = -1
        for zero in ZEROS:
            if zero <= code < zero + 10:
                digit = code - zero
        if digit < 0:
            break
        value, count, i = 10 * value + digit, count + 1, after
        if count > most:
            return -1, at
    return (value, i) if count else (-1, at)


@kernel
def _decimal(text: U8, a: int, b: int, pages: U16, classes: U8) -> tuple[int, int]:
    """1 Title, 1. Title, 1.2.3 Title, A.1 Title."""
    value, i = _digits(text, a, b, 2)
    if value < 0:
        if not 65 <= text[a] <= 90:
            return 0, 0
        value, i = 0, a + 1
    elif value == 0:
        return 0, 0
    depth = 1
    while i + 1 < b and text[i] == np.uint8(46):
        part, after = _digits(text, i + 1, b, 3)
        if part < 0:
            break
        i = after
        depth += 1
    if depth > 5 or (depth == 1 and value == 0):
        return 0, 0
    if i < b and text[i] == np.uint8(46):
        i += 1
    if i >= b or white_width(text, i) == 0:
        return 0, 0
    if not is_title(text, after_white(text, i, b), b, pages, classes):
        return 0, 0
    return (value if depth == 1 else 0), depth


@kernel
def _roman(text: U8, a: int, b: int, pages: U16, classes: U8) -> tuple[int, int]:
    """IV. Title, IV. or IV."""
    value, i = _roman_number(text, a, b)
    if value == 0:
        return 0, 0
    if i < b and text[i] == np.uint8(46):
        i += 1
        if i < b and white_width(text, i) > 0:
            if is_title(text, after_white(text, i, b), b, pages, classes):
                return ROMAN + value, 1
            return 0, 0
    return (ROMAN + value, 1) if i == b else (0, 0)


@kernel
def _roman_number(text: U8, a: int, b: int) -> tuple[int, int]:
    """The value of at most 7 of I V X L C and what is behind them; 0 if there are none, or more."""
    value, before, i = 0, 0, a
    while i < b and _LETTER_VALUES[text[i]] > 0:
        letter = _LETTER_VALUES[text[i]]
        value += letter - 2 * before * int(before < letter)
        before = letter
        i += 1
    return (value, i) if i - a <= 7 else (0, i)


@kernel
def _counted(text: U8, a: int, b: int) -> tuple[int, int]:
    """第一章 引言, 제1장 서론."""
    code, i = code_point_at(text, a)
    if code != _ORDER[0] and code != _ORDER[1]:
        return 0, 0
    if text[i] == np.uint8(32):
        i += 1
    numerals = 0
    while i < b and numerals <= 6:
        code, after = code_point_at(text, i)
        if not (_digits(text, i, after, 1)[0] >= 0 or is_in(code, _NUMERALS)):
            break
        numerals += 1
        i = after
    if i < b and text[i] == np.uint8(32):
        i += 1
    if not 1 <= numerals <= 6 or i >= b:
        return 0, 0
    code, i = code_point_at(text, i)
    level = 0
    for k in range(len(_COUNTERS)):
        if _COUNTERS[k] == code:
            level = _COUNTER_LEVELS[k]
    count, last = 0, 0
    i = a
    while i < b:
        last, i = code_point_at(text, i)
        count += 1
    if level == 0 or count > MAX_COUNTED or is_in(last, _ENDERS):
        return 0, 0
    return CHAPTER, level


@kernel
def _division(
    text: U8, a: int, b: int, words: HeadingWords, pages: U16, classes: U8
) -> tuple[int, int]:
    """Chapter IV, Appendix A: Title, Глава 5."""
    i = a
    while i < b and i - a < 32 and white_width(text, i) == 0:
        i = code_point_at(text, i)[1]
    if i >= b:
        return 0, 0
    division = find_word(text, a, i, words.divisions)
    if division < 0:
        return 0, 0
    level = words.levels[division]
    i = _after_number(text, after_white(text, i, b), b, words)
    if i < 0:
        return 0, 0
    if i < b and (text[i] == np.uint8(46) or text[i] == np.uint8(58)):  # . :
        i += 1
    if i == b:
        return CHAPTER, level
    if white_width(text, i) == 0:
        return 0, 0
    i = after_white(text, i, b)
    code, after = code_point_at(text, i)
    if (code == 45 or code == 0x2013 or code == 0x2014) and after < b:  # - – —
        if white_width(text, after) == 0:
            return 0, 0
        i = after_white(text, after, b)
    return (CHAPTER, level) if is_title(text, i, b, pages, classes) else (0, 0)


@kernel
def _after_number(text: U8, at: int, end: int, words: HeadingWords) -> int:
    """Behind 12, 1.2, IV, A or One; -1 if there is none."""
    value, i = _digits(text, at, end, 3)
    if value >= 0:
        while i + 1 < end and text[i] == np.uint8(46):
            value, after = _digits(text, i + 1, end, 3)
            if value < 0:
                break
            i = after
        return i
    value, i = _roman_number(text, at, end)
    if value == 0 and 65 <= text[at] <= 90:
        i = at + 1
    if i == at or not _is_border(text, i, end):
        i = at
        while i < end and i - at < 32 and not _is_border(text, i, end):
            i = code_point_at(text, i)[1]
        return i if find_word(text, at, i, words.ordinals) >= 0 else -1
    return i


@kernel
def _is_border(text: U8, at: int, end: int) -> bool:
    """The end, white space, a full stop or a colon."""
    if at >= end or white_width(text, at) > 0:
        return True
    return bool(text[at] == np.uint8(46) or text[at] == np.uint8(58))


@kernel
def is_in(code: int, codes: I64) -> bool:
    for other in codes:
        if other == code:
            return True
    return False


@kernel
def is_title(text: U8, at: int, end: int, pages: U16, classes: U8) -> bool:
    """A short line that begins with a capital, or a letter of a script that has none."""
    if at >= end:
        return False
    flags = flags_of(code_point_at(text, at)[0], pages, classes)
    if flags & ALPHABETIC == 0 or flags & SMALL != 0:
        return False
    count, words, last, i = 0, 1, 0, at
    white = False
    while i < end:
        code, after = code_point_at(text, i)
        is_white = white_width(text, i) > 0
        words += int(is_white)
        count += 1
        if (white and is_white) or code == 9 or (code == 46 and last == 46):
            return False  # columns, or the leaders of a table of contents
        if is_in(code, _NO_NUMBERED):
            return False
        if count > MAX_TITLE or words > MAX_TITLE_WORDS:
            return False
        white, last, i = is_white, code, after
    return not is_in(last, _ENDERS)
