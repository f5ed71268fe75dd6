"""The line rules of RefinedWeb (Penedo et al. 2023, appendix G.2): which lines go and why.

A line is judged without the white space around it; a blank line is no line, and goes with a removed
line before it. A word counts here if it has a letter or a digit. Phrases are found in any case of
ASCII.
"""

import numpy as np

from dolma_pipe.kernels.ascii import word_table
from dolma_pipe.kernels.c4 import Removed
from dolma_pipe.kernels.jit import F64, I64, U8, U16, inlined, kernel
from dolma_pipe.kernels.strings import stands_in_any_case
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    DIGIT,
    MARK,
    SPACE,
    classes,
    code_point_at,
    flags_of,
)
from dolma_pipe.kernels.words import Lines, Words

COLUMNS = (
    "lines",
    "kept_lines",
    "removed_word_share",
    "upper_case_lines",
    "digit_lines",
    "counter_lines",
    "short_lines",
    "navigation",
)
UPPER_CASE, DIGITS, COUNTER, FEW_WORDS, NAVIGATION = 1, 2, 3, 4, 5
"""Why something is removed; of a line the first that holds."""

COUNTED = (
    "likes",
    "shares",
    "comments",
    "retweets",
    "reposts",
    "quotes",
    "bookmarks",
    "upvotes",
    "downvotes",
    "downloads",
    "views",
    "followers",
)
_COUNTED, _COUNTED_LENGTHS = word_table(COUNTED)
_AT_START, _AT_END, _ANYWHERE = 0, 1, 2
NAVIGATION_PHRASES = (
    ("sign-in", _AT_START),
    ("read more...", _AT_END),
    ("read more…", _AT_END),
    ("items in cart", _ANYWHERE),
)
_PHRASES = np.array([p[0].encode().ljust(16, b"\0") for p in NAVIGATION_PHRASES])
_PHRASE_BYTES = _PHRASES.view(np.uint8).reshape(-1, 16)
_PHRASE_LENGTHS = np.array([len(p[0].encode()) for p in NAVIGATION_PHRASES])
_PHRASE_WORDS = np.array([len(p[0].split()) for p in NAVIGATION_PHRASES])
_PHRASE_PLACES = np.array([p[1] for p in NAVIGATION_PHRASES])
_IS_PHRASE_START = np.zeros(256, np.uint8)
for _phrase, _ in NAVIGATION_PHRASES:
    _IS_PHRASE_START[[ord(_phrase[0]), ord(_phrase[0].upper())]] = 1


def refinedweb(
    text: U8,
    offsets: I64,
    words: Words,
    lines: Lines,
    max_upper_case: float,
    max_digits: float,
    min_words: int,
    max_navigation_words: int,
) -> tuple[F64, Removed]:
    """float64[documents, len(COLUMNS)], and what to remove: lines with their line feeds, or
    navigation phrases in them."""
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    room = len(lines.starts) + int(offsets[-1] - offsets[0]) // int(_PHRASE_LENGTHS.min())
    firsts = np.zeros(len(offsets), np.int64)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    reasons = np.empty(room, np.float64)
    limits = (max_upper_case, max_digits, min_words, max_navigation_words)
    n = _refinedweb(
        text, offsets, *words[:3], *lines, *classes(), limits, found, firsts, starts, ends, reasons
    )
    return found, Removed(firsts, starts[:n], ends[:n], reasons[:n])


@kernel
def _refinedweb(
    text: U8,
    offsets: I64,
    word_firsts: I64,
    word_starts: I64,
    word_ends: I64,
    line_firsts: I64,
    line_starts: I64,
    line_ends: I64,
    pages: U16,
    flags: U8,
    limits: tuple[float, float, int, int],
    found: F64,
    firsts: I64,
    starts: I64,
    ends: I64,
    reasons: F64,
) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        begin = int(offsets[d])
        w, after = int(word_firsts[d]), int(word_firsts[d + 1])
        words, removed = 0, 0
        is_open = False  # the last span may still take blank lines in
        for k in range(line_firsts[d], line_firsts[d + 1]):
            first, counted = w, 0
            while w < after and word_starts[w] < line_ends[k]:
                counted += _counts(text, int(word_starts[w]), int(word_ends[w]), pages, flags)
                w += 1
            if w == first:
                continue
            if is_open:
                ends[n - 1] = line_starts[k] - begin
                is_open = False
            words += counted
            found[d, 0] += 1
            start, end = int(word_starts[first]), int(word_ends[w - 1])
            reason = _reason(text, start, end, counted, limits, pages, flags)
            cut = 0
            if reason == 0 and counted <= limits[3]:
                m, cut, is_empty = _navigation(text, start, end, begin, n, starts, ends, reasons)
                found[d, 2 + NAVIGATION] += m - n
                if is_empty:
                    reason = NAVIGATION
                else:
                    n = m
            elif reason:
                found[d, 2 + reason] += 1
            if reason:
                starts[n], reasons[n] = line_starts[k] - begin, reason
                n += 1
                is_open = True
                removed += counted
            else:
                found[d, 1] += 1
                removed += min(cut, counted)
        if is_open:
            ends[n - 1] = offsets[d + 1] - begin
        firsts[d + 1] = n
        if words > 0:
            found[d, 2] = removed / words
    return n


@inlined
def _counts(text: U8, start: int, end: int, pages: U16, flags: U8) -> int:
    """1 if the word has a letter or a digit."""
    i = start
    while i < end:
        code, i = code_point_at(text, i)
        if flags_of(code, pages, flags) & (ALPHABETIC | DIGIT):
            return 1
    return 0


@inlined
def _reason(
    text: U8,
    start: int,
    end: int,
    words: int,
    limits: tuple[float, float, int, int],
    pages: U16,
    flags: U8,
) -> int:
    """Why this line goes, 0 if it stays."""
    characters, upper, digits, i = 0, 0, 0, start
    while i < end:
        code, i = code_point_at(text, i)
        kind = flags_of(code, pages, flags)
        characters += 1
        upper += (kind & CAPITAL) != 0
        digits += (kind & DIGIT) != 0
    if upper > limits[0] * characters:
        return UPPER_CASE
    if digits > limits[1] * characters:
        return DIGITS
    if digits > 0 and _is_counter(text, start, end, pages, flags):
        return COUNTER
    if words < limits[2]:
        return FEW_WORDS
    return 0


@kernel
def _is_counter(text: U8, start: int, end: int, pages: U16, flags: U8) -> bool:
    """A number such as 1,234.5 or 12K, white space, a counted thing, and nothing else but marks."""
    i, kind = _skip(text, start, end, False, pages, flags)
    if i == end or kind & DIGIT == 0:
        return False
    while i < end:
        code, i_next = code_point_at(text, i)
        is_point = code == 0x2C or code == 0x2E
        if not is_point and flags_of(code, pages, flags) & DIGIT == 0:
            break
        i = i_next
    if i < end:
        byte = text[i] | np.uint8(32)
        if byte == np.uint8(0x6B) or byte == np.uint8(0x6D) or byte == np.uint8(0x62):  # k, m, b
            i += 1
    after_space, _ = _skip(text, i, end, True, pages, flags)
    if after_space == i:
        return False
    i = after_space
    length = 0
    while i + length < end and np.uint8(97) <= text[i + length] | np.uint8(32) <= np.uint8(122):
        length += 1
    for c in range(len(_COUNTED_LENGTHS)):
        if _COUNTED_LENGTHS[c] == length and stands_in_any_case(text, i, end, _COUNTED[c], length):
            return _skip(text, i + length, end, False, pages, flags)[0] == end
    return False


@inlined
def _skip(text: U8, start: int, end: int, spaces: bool, pages: U16, flags: U8) -> tuple[int, int]:
    """Past white space, or past all that is no letter, digit, mark or underscore.

    Returns the place and the flags of what stands there.
    """
    i = start
    while i < end:
        code, i_next = code_point_at(text, i)
        kind = flags_of(code, pages, flags)
        if spaces:
            if kind & SPACE == 0:
                return i, kind
        elif kind & (ALPHABETIC | DIGIT | MARK) != 0 or code == 0x5F:
            return i, kind
        i = i_next
    return end, 0


@kernel
def _navigation(
    text: U8, start: int, end: int, begin: int, n: int, starts: I64, ends: I64, reasons: F64
) -> tuple[int, int, bool]:
    """Write the spans of the phrases in a line, each with a blank beside it.

    Returns the number of spans now, the words of the phrases, and whether nothing else is left.
    """
    words, here, is_empty, i = 0, start, True, start
    while i < end:
        found = -1
        if _IS_PHRASE_START[text[i]] and (i == start or not _is_word_byte(text[i - 1])):
            found = _phrase_at(text, i, start, end)
        if found < 0:
            is_empty = is_empty and _is_blank(text[i])
            i += 1
            continue
        first, last = i, i + int(_PHRASE_LENGTHS[found])
        if _PHRASE_PLACES[found] == _AT_START:
            if last < end and _is_blank(text[last]):
                last += 1
        elif first > here and _is_blank(text[first - 1]):
            first -= 1
        starts[n], ends[n], reasons[n] = first - begin, last - begin, NAVIGATION
        n += 1
        words += _PHRASE_WORDS[found]
        i = here = last
    return n, words, is_empty and words > 0


@inlined
def _phrase_at(text: U8, at: int, start: int, end: int) -> int:
    """The number of the phrase that stands here, where it may, as whole words; -1 for none."""
    for p in range(len(_PHRASE_LENGTHS)):
        last = at + int(_PHRASE_LENGTHS[p])
        if last > end or (_PHRASE_PLACES[p] == _AT_START and at != start):
            continue
        if _PHRASE_PLACES[p] == _AT_END and last != end:
            continue
        if last < end and _is_word_byte(text[last]):
            continue
        if stands_in_any_case(text, at, end, _PHRASE_BYTES[p], int(_PHRASE_LENGTHS[p])):
            return p
    return -1


@inlined
def _is_blank(byte: np.uint8) -> bool:
    return bool(byte == np.uint8(32) or byte == np.uint8(9))


@inlined
def _is_word_byte(byte: np.uint8) -> bool:
    """A letter or digit of ASCII, or a byte of any other code point."""
    low = byte | np.uint8(32)
    is_letter = np.uint8(97) <= low <= np.uint8(122)
    return bool(is_letter or np.uint8(48) <= byte <= np.uint8(57) or byte >= np.uint8(128))
