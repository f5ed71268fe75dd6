"""The counts behind the rules for source code: lines, sorts of characters, encoded data, HTML text.

Encoded data, as StarCoder2 (Lozhkov et al. 2024, appendix) finds it: rows of 64 and more characters
of base64, line ends included; of 8 and more bytes in hexadecimal (0x12, \\x12 or 12) with up to 3
commas and white space behind each; of 8 and more \\uXXXX.
"""

import numpy as np

from dolma_pipe.kernels.ascii import HEX, KIND, WORD
from dolma_pipe.kernels.jit import I64, U8, U16, Bool, inlined, kernel
from dolma_pipe.kernels.strings import stands_in_any_case
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    DIGIT,
    SPACE,
    classes,
    code_point_at,
    flags_of,
)

COUNTS = (
    "characters",
    "lines",
    "max_line_length",
    "line_characters",
    "alphabetic",
    "digits",
    "spaces",
    "signs",
    "encoded",
    "longest_encoded",
)
SIGNS = "{}()[];,=:.\"'<>&|+*/?!"
"""Of which minified code has many, and prose in any script few."""
MIN_BASE64, MIN_BYTES, MAX_SEPARATORS = 64, 8, 3

_SIGN, _BASE64, _SEPARATOR = np.uint8(1), np.uint8(2), np.uint8(4)
_SORT = np.zeros(256, np.uint8)
_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
for _bytes, _flag in (
    (SIGNS.encode(), _SIGN),
    (_ALNUM + b"+/\n=", _BASE64),
    (b", \t\r\n", _SEPARATOR),
):
    _SORT[list(_bytes)] |= _flag
_FEED, _RETURN = np.uint8(10), np.uint8(13)
_BACKSLASH, _ZERO = np.uint8(ord("\\")), np.uint8(ord("0"))
_LESS, _MORE, _DASH = np.uint8(ord("<")), np.uint8(ord(">")), np.uint8(ord("-"))
_COMMENT = np.frombuffer(b"<!--", np.uint8)
_HIDDEN = tuple(np.frombuffer(name, np.uint8) for name in (b"script", b"style"))


def code_counts(text: U8, offsets: I64) -> I64:
    """int64[documents, len(COUNTS)], all in code points.

    A line ends at a line feed, and a carriage return before it is no part of it. `spaces` are
    Unicode white space, `digits` category Nd.
    """
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.int64)
    _count(text, offsets, *classes(), counts)
    return counts


def visible_characters(text: U8, offsets: I64, asked: Bool) -> I64:
    """int64[documents]: code points of HTML outside of tags, comments, scripts and styles, a run of
    white space counting once; 0 where it is not asked for."""
    visible = np.zeros(len(offsets) - 1, np.int64)
    _count_visible(text, offsets, asked, visible)
    return visible


@kernel
def _count(text: U8, offsets: I64, pages: U16, flags: U8, counts: I64) -> None:
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        characters, lines, longest, feeds = 0, 0, 0, 0
        alphabetic, digits, spaces, signs = 0, 0, 0, 0
        line = 0  # code points of the line so far
        i = begin
        while i < end:
            byte = text[i]
            if byte < np.uint8(0x80):
                kind = int(flags[byte])
                signs += int(_SORT[byte] & _SIGN)
                i += 1
            else:
                code, i = code_point_at(text, i)
                kind = flags_of(code, pages, flags)
            alphabetic += int(kind & ALPHABETIC != 0)
            digits += int(kind & DIGIT != 0)
            spaces += int(kind & SPACE != 0)
            characters += 1
            line += 1
            if byte == _FEED or i == end:
                if byte == _FEED:
                    line -= 1
                    feeds += 1
                    if line > 0 and text[i - 2] == _RETURN:
                        line -= 1
                        feeds += 1
                lines += 1
                longest = max(longest, line)
                line = 0
        encoded, longest_encoded = _encoded(text, begin, end)
        counts[d, 0], counts[d, 1], counts[d, 2] = characters, lines, longest
        counts[d, 3], counts[d, 4], counts[d, 5] = characters - feeds, alphabetic, digits
        counts[d, 6], counts[d, 7] = spaces, signs
        counts[d, 8], counts[d, 9] = encoded, longest_encoded


@kernel
def _encoded(text: U8, begin: int, end: int) -> tuple[int, int]:
    """Characters in rows of encoded data, and in the longest of them."""
    total, longest = 0, 0
    i = begin
    while i < end:
        stop = i
        if _SORT[text[i]] & _BASE64 and (i == begin or _SORT[text[i - 1]] & _BASE64 == 0):
            stop = _base64_end(text, i, end)
        if stop == i and (KIND[text[i]] & HEX or text[i] == _BACKSLASH):
            stop = _hexadecimal_end(text, i, begin, end)
            if stop == i and text[i] == _BACKSLASH:
                stop = _escapes_end(text, i, end)
        if stop > i:
            total += stop - i
            longest = max(longest, stop - i)
            i = stop
        else:
            i += 1
    return total, longest


@inlined
def _base64_end(text: U8, at: int, end: int) -> int:
    i = at
    while i < end and _SORT[text[i]] & _BASE64:
        i += 1
    return i if i - at >= MIN_BASE64 else at


@kernel
def _hexadecimal_end(text: U8, at: int, begin: int, end: int) -> int:
    """Where the row of bytes ends that starts here, `at` if there is none."""
    if text[at] != _BACKSLASH and at > begin and KIND[text[at - 1]] & WORD:
        return at
    items, i = 0, at
    while True:
        digits = i
        marked = i + 1 < end and (text[i + 1] | np.uint8(32)) == np.uint8(120)
        if marked and (text[i] == _ZERO or text[i] == _BACKSLASH):
            digits = i + 2
        if digits + 2 > end or KIND[text[digits]] & KIND[text[digits + 1]] & HEX == 0:
            break
        stop = digits + 2
        if stop < end and KIND[text[stop]] & WORD:
            break
        items += 1
        i = stop
        while i < end and i - stop < MAX_SEPARATORS and _SORT[text[i]] & _SEPARATOR:
            i += 1
    return i if items >= MIN_BYTES else at


@inlined
def _escapes_end(text: U8, at: int, end: int) -> int:
    """Where the row of \\uXXXX ends that starts here, `at` if there is none."""
    i = at
    while i + 6 <= end and text[i] == _BACKSLASH and text[i + 1] == np.uint8(117):
        digits = 2
        while digits < 6 and KIND[text[i + digits]] & HEX:
            digits += 1
        if digits < 6:
            break
        i += 6
    return i if i - at >= 6 * MIN_BYTES else at


@kernel
def _count_visible(text: U8, offsets: I64, asked: Bool, visible: I64) -> None:
    for d in range(len(offsets) - 1):
        if not asked[d]:
            continue
        i, end = int(offsets[d]), int(offsets[d + 1])
        count, in_space = 0, True
        while i < end:
            if text[i] == _LESS and i + 1 < end and _opens_tag(text[i + 1]):
                i = _markup_end(text, i, end)
                continue
            byte = text[i]
            space = byte == 32 or (9 <= byte <= 13)
            if byte & np.uint8(0xC0) != np.uint8(0x80) and not (space and in_space):
                count += 1
            in_space = space
            i += 1
        visible[d] = count


@inlined
def _opens_tag(byte: np.uint8) -> bool:
    """Whether this byte behind "<" makes it markup: a letter, / ! or ?."""
    lower = byte | np.uint8(32)
    return bool(97 <= lower <= 122 or byte == 47 or byte == 33 or byte == 63)


@kernel
def _markup_end(text: U8, at: int, end: int) -> int:
    """Behind the tag or comment that opens here; behind the closing tag of a script or style. What
    is never closed ends with the document."""
    if stands_in_any_case(text, at, end, _COMMENT, len(_COMMENT)):
        i = at + 4
        while i + 2 < end:
            if text[i] == _DASH and text[i + 1] == _DASH and text[i + 2] == _MORE:
                return i + 3
            i += 1
        return end
    i = at
    while i < end and text[i] != _MORE:
        i += 1
    i = min(i + 1, end)
    for name in _HIDDEN:
        last = at + 1 + len(name)
        if stands_in_any_case(text, at + 1, end, name, len(name)) and not _is_name(text, last, end):
            while i < end:
                closes = text[i] == _LESS and i + 1 < end and text[i + 1] == 47
                if closes and stands_in_any_case(text, i + 2, end, name, len(name)):
                    return i
                i += 1
    return i


@inlined
def _is_name(text: U8, at: int, end: int) -> bool:
    return at < end and bool(KIND[text[at]] & WORD or text[at] == _DASH)
