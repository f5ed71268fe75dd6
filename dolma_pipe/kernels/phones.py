"""Phone numbers: three careful patterns, since most numbers are none.

International: + and a country code, groups of digits between single " . - /" or in brackets (the
second or third), 8 to 15 digits in all; exactly 11 after +1 and +7, and +1 as below.
North American: (AAA) EEE-NNNN, AAA-EEE-NNNN or AAA.EEE.NNNN, AAA and EEE from 200, a 1 may precede.
Announced: 7 to 15 digits, in groups as above, after "tel", "phone", "fax" or the like; no dates.
Typographic spaces and hyphens (kernels/ascii.py) count as the plain ones.

Where a numbering plan confirms what is found, candidates are wider: any groups of 7 to 17 digits
with a +, two groups or an announcing word.
"""

import numpy as np

from dolma_pipe.kernels.ascii import (
    DIGIT,
    HYPHEN,
    KIND,
    LETTER,
    SPACE,
    WORD,
    is_kind,
    separator_at,
    separator_before,
    word_before,
    word_table,
)
from dolma_pipe.kernels.jit import U8, inlined, kernel

PHONE_WORDS = (
    "tel",
    "telephone",
    "telefon",
    "telefono",
    "telefax",
    "phone",
    "fax",
    "mobile",
    "mobil",
    "mob",
    "cell",
    "cellphone",
    "whatsapp",
    "hotline",
)
TWO_DIGIT_CODES = (
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
)  # fmt: skip
"""Country codes of two digits (ITU-T E.164); 1 and 7 have one, all others three."""

MIN_INTERNATIONAL, MIN_ANNOUNCED, MAX_DIGITS = 8, 7, 15
MAX_GROUPS = 8
MAX_DIALLED = 17
"""Digits of a candidate: 15 (E.164) and an international prefix such as 00."""
NO_CANDIDATE, CANDIDATE, ANNOUNCED, TIED = 0, 1, 2, 4

_WORDS, _WORD_LENGTHS = word_table(PHONE_WORDS)
_IS_TWO_DIGIT_CODE = np.zeros(100, np.bool_)
_IS_TWO_DIGIT_CODE[list(TWO_DIGIT_CODES)] = True
_PLUS, _OPEN, _CLOSE = np.uint8(ord("+")), np.uint8(ord("(")), np.uint8(ord(")"))
_DOT, _SLASH = ord("."), ord("/")
_COMMA, _COLON = np.uint8(ord(",")), np.uint8(ord(":"))
_AT, _ONE = np.uint8(ord("@")), np.uint8(ord("1"))


@kernel
def phone_at(text: U8, at: int, begin: int, end: int) -> int:
    """Where the phone number ends that starts at this +, ( or digit (no digit before it), or -1."""
    if is_kind(text, at - 1, begin, end, WORD) or (at > begin and text[at - 1] == _PLUS):
        return -1
    if text[at] == _PLUS:
        return _international(text, at, end)
    stop = _north_american(text, at, begin, end)
    if stop < 0 and word_before(text, at, begin, _WORDS, _WORD_LENGTHS):
        return _announced(text, at, end)
    return stop


@kernel
def phone_candidate_at(text: U8, at: int, begin: int, end: int) -> tuple[int, int]:
    """Where the groups of digits end that may be a phone number, and flags: CANDIDATE, ANNOUNCED
    by a word before, TIED to what follows, so that it must end at an earlier space."""
    if is_kind(text, at - 1, begin, end, WORD) or (at > begin and text[at - 1] == _PLUS):
        return -1, NO_CANDIDATE
    before, width = separator_before(text, at, begin)
    if before != 0 and before != SPACE and is_kind(text, at - width - 1, begin, end, WORD):
        return -1, NO_CANDIDATE
    if at - 1 > begin and KIND[text[at - 2]] & DIGIT:
        if text[at - 1] == _COMMA or text[at - 1] == _COLON:
            return -1, NO_CANDIDATE
    plus = int(text[at] == _PLUS)
    stop, digits, is_decimal, is_date = _groups(text, at + plus, end, MAX_DIALLED)
    if is_decimal or is_date or digits < MIN_ANNOUNCED:
        return -1, NO_CANDIDATE
    flags = CANDIDATE
    if word_before(text, at, begin, _WORDS, _WORD_LENGTHS):
        flags |= ANNOUNCED
    elif plus == 0 and _digits_end(text, at, end) == stop:
        return -1, NO_CANDIDATE
    separator, width = separator_at(text, stop, end)
    lettered = separator != 0 and separator != SPACE and is_kind(text, stop + width, at, end, WORD)
    if lettered or _goes_on(text, stop, end):
        flags |= TIED
    return stop, flags


@kernel
def _international(text: U8, plus: int, end: int) -> int:
    start = plus + 1
    stop = _digits_end(text, start, end)
    length = stop - start
    if length == 0 or length > MAX_DIGITS or not _starts_with_code(text, start, length):
        return -1
    long_code = text[start] != _ONE and text[start] != np.uint8(55)
    limit = MAX_DIGITS if long_code else 11
    stop, digits, is_decimal, _ = _groups(text, start, end, limit)
    if is_decimal or digits < (MIN_INTERNATIONAL if long_code else 11):
        return -1
    if text[start] == _ONE:
        seen = 0
        for i in range(start, stop):
            if KIND[text[i]] & DIGIT:
                if (seen == 1 or seen == 4) and text[i] < np.uint8(50):
                    return -1
                seen += 1
    return -1 if _goes_on(text, stop, end) else stop


@inlined
def _starts_with_code(text: U8, start: int, length: int) -> bool:
    """Whether the first group, where a separator may end the code, starts with a country code."""
    first = int(text[start]) - 48
    if first == 0:
        return False
    if first == 1 or first == 7:
        return length == 1 or length > 3
    if length == 1:
        return False
    short = _IS_TWO_DIGIT_CODE[first * 10 + int(text[start + 1]) - 48]
    return length > 3 or (short and length == 2) or (not short and length == 3)


@kernel
def _north_american(text: U8, at: int, begin: int, end: int) -> int:
    before, width = separator_before(text, at, begin)
    if before != 0 and before != SPACE and is_kind(text, at - width - 1, begin, end, DIGIT):
        return -1
    i = at
    if text[i] == _ONE:
        i = _after_separator(text, i + 1, end)
    brackets = i < end and text[i] == _OPEN
    if brackets:
        i += 1
    if not _is_area(text, i, end):
        return -1
    i += 3
    first = 0
    if brackets:
        if i >= end or text[i] != _CLOSE:
            return -1
        i = _after_separator(text, i + 1, end)
    else:
        first, width = separator_at(text, i, end)
        if first != _DOT and first != HYPHEN:
            return -1
        i += width
    if not _is_area(text, i, end):
        return -1
    second, width = separator_at(text, i + 3, end)
    if second == 0 or second == _SLASH or (not brackets and second != first):
        return -1
    i += 3 + width
    if _digits_end(text, i, end) != i + 4 or _goes_on(text, i + 4, end):
        return -1
    return i + 4


@inlined
def _after_separator(text: U8, at: int, end: int) -> int:
    """Behind the space, dot or hyphen that may stand here."""
    separator, width = separator_at(text, at, end)
    return at if separator == _SLASH else at + width


@inlined
def _is_area(text: U8, at: int, end: int) -> bool:
    """Three digits, the first from 2 on, and no fourth."""
    return _digits_end(text, at, end) == at + 3 and text[at] >= np.uint8(50)


@kernel
def _announced(text: U8, at: int, end: int) -> int:
    stop, digits, is_decimal, is_date = _groups(text, at, end, MAX_DIGITS)
    if is_decimal or is_date or digits < MIN_ANNOUNCED or _goes_on(text, stop, end):
        return -1
    return stop


@kernel
def _groups(text: U8, at: int, end: int, limit: int) -> tuple[int, int, bool, bool]:
    """The groups of digits from here on, as many as keep to the limit of digits.

    Returns where they end, the number of digits, whether they are a decimal number (12.345), and
    whether they start with a date or years (2024-01-31, 31.1.2024, 2023-2024).
    """
    stop, digits, groups = at, 0, 0
    first_length, second_length = 0, 0
    is_decimal, is_date, first_year = False, False, False
    while groups < MAX_GROUPS:
        i = stop
        separator = 0
        if groups > 0:
            separator, width = separator_at(text, i, end)
            i += width
        brackets = i < end and text[i] == _OPEN
        if brackets:
            i += 1
        after = _digits_end(text, i, end)
        length = after - i
        if length == 0 or digits + length > limit:
            break
        if brackets and (groups > 2 or after >= end or text[after] != _CLOSE):
            break
        if groups > 1 and length == 1:
            break
        is_year = length == 4 and _is_century(text, i)
        if groups == 0:
            first_length, first_year = length, is_year
        elif groups == 1:
            second_length = length
            is_date = first_year and is_year
        elif groups == 2 and second_length <= 2:
            is_date = (first_year and length <= 2) or (first_length <= 2 and is_year)
        is_decimal = groups == 1 and separator == _DOT
        digits += length
        groups += 1
        stop = after + 1 if brackets else after
    return stop, digits, is_decimal, is_date


@inlined
def _is_century(text: U8, at: int) -> bool:
    """Whether a group starts with 19 or 20."""
    first = (int(text[at]) - 48) * 10 + int(text[at + 1]) - 48
    return first == 19 or first == 20


@inlined
def _digits_end(text: U8, at: int, end: int) -> int:
    """The first place from here on that is no digit, at most MAX_DIALLED + 1 further."""
    i = at
    while i < end and i - at <= MAX_DIALLED and KIND[text[i]] & DIGIT:
        i += 1
    return i


@inlined
def _goes_on(text: U8, stop: int, end: int) -> bool:
    """Whether something is tied to the number; an extension (x12) is not."""
    if stop >= end:
        return False
    after = text[stop]
    if KIND[after] & LETTER:
        extension = is_kind(text, stop + 1, stop, end, DIGIT)
        return not (after | np.uint8(32) == np.uint8(120) and extension)
    if KIND[after] & WORD or after == _AT:
        return True
    separator, width = separator_at(text, stop, end)
    tied = separator != 0 and separator != SPACE
    return tied and is_kind(text, stop + width, stop, end, DIGIT)
