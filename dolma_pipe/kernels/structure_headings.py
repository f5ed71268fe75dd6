"""Which lines are headings, by what stands around them, and of which level."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, kernel
from dolma_pipe.kernels.structure_code import FREE, is_underline
from dolma_pipe.kernels.structure_lines import (
    ATX,
    BLANK,
    BREAK,
    COMMAND,
    GAP,
    ITEM,
    NUMBERED,
    QUOTE,
    RULE,
    TEXT,
    LineFacts,
)
from dolma_pipe.kernels.structure_numbers import CHAPTER, ENDERS, ROMAN, is_in
from dolma_pipe.kernels.structure_words import HeadingWords, after_white, find_word, white_width
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    DIGIT,
    SMALL,
    code_point_at,
    code_points,
    flags_of,
    last_code_point,
)

MAX_UNDERLINED, MAX_FIRST, MAX_LONE, MAX_LONE_WORDS = 100, 100, 60, 8
"""Code points (words) of a title: underlined, in the first line, alone between blank lines."""
MAX_NAME = 48
"""Bytes of a known name, as "References"."""
MIN_BODY = 60
"""Bytes of a line that is part of a paragraph, and not one more short line."""
SENTENCE_ENDS = ".!?:…。！？：؟।"
QUOTES = "\"'”’»)"
UNDERLINE_LEVELS = {"=": 1, "-": 2, "*": 2, "~": 3, "^": 4, '"': 4, "+": 4}
NO_TITLE = "@={}<>\\_;|*`~^©。"
"""Signs that no title without a mark of its own has."""

_LEVELS = np.zeros(256, np.int64)
for _character, _level in UNDERLINE_LEVELS.items():
    _LEVELS[ord(_character)] = _level
_NO_TITLE = np.array([ord(c) for c in NO_TITLE])
_SENTENCE_ENDS = np.array([ord(c) for c in SENTENCE_ENDS])
_ENDERS = np.array([ord(c) for c in ENDERS])
_STOPS = np.array([ord(c) for c in ".,;"])
_QUOTES = np.array([ord(c) for c in QUOTES])
_COLONS = np.array([ord(c) for c in ":："])


class Document(NamedTuple):
    """first, last: its lines are first:last. is_source: it is source code. is_markdown: it has a
    heading of level 2 or more with #. owners: uint8 of each line of the batch. numbers: int64[2],
    the last numbered headings, Arabic and Roman."""

    first: int
    last: int
    is_source: bool
    is_markdown: bool
    owners: U8
    numbers: I64


class Tables(NamedTuple):
    """What headings are known by: the words, and the classes of code points."""

    words: HeadingWords
    pages: U16
    classes: U8


@kernel
def may_head(
    text: U8,
    line: int,
    before: int,
    document: Document,
    starts: I64,
    ends: I64,
    kinds: U8,
    owners: U8,
) -> bool:
    """Whether it is worth asking heading_at: a cheap look, that takes no part in the decision."""
    kind = kinds[line]
    if kind != TEXT:
        return bool(kind == ATX or kind == COMMAND or kind == NUMBERED)
    if ends[line] - starts[line] > 4 * MAX_FIRST:
        return False
    first, last = document.first, document.last
    if line + 1 < last and kinds[line + 1] == RULE:
        return True
    apart = before < first or before < line - 1 or owners[before] != FREE
    if apart and (line + 1 == last or kinds[line + 1] == BLANK or owners[line + 1] != FREE):
        return True
    if ends[line] - starts[line] > MAX_NAME:
        return False
    return apart or is_in(last_code_point(text, starts[before], ends[before])[0], _SENTENCE_ENDS)


@kernel
def heading_at(
    text: U8, line: int, before: int, document: Document, facts: LineFacts, tables: Tables
) -> tuple[int, int]:
    """Level and lines of the heading that begins with this line; 0 if none does.

    before: the last line before that is not blank, document.first - 1 if there is none.
    """
    kind = facts.kinds[line]
    if kind == COMMAND:
        return facts.values[line], 1
    if document.is_source:
        return 0, 1
    if kind == ATX:
        return _atx_level(text, line, before, document, facts), 1
    if kind != TEXT and kind != NUMBERED:
        return 0, 1
    level = _underlined_level(text, line, before, document, facts)
    if level > 0:
        return level, 2
    after = line + 1
    while after < document.last and facts.kinds[after] == BLANK:
        after += 1
    if after == document.last:
        return 0, 1
    if kind == NUMBERED:
        return _numbered_level(text, line, before, after, document, facts), 1
    if facts.flags[line] & (ITEM | GAP) or not _is_body(text, after, document, facts):
        return 0, 1
    return _plain_level(text, line, before, after, document, facts, tables), 1


@kernel
def _atx_level(text: U8, line: int, before: int, document: Document, facts: LineFacts) -> int:
    """The level of # Title; 0 for one of a row of them, and for # in small letters after the first
    line of a document that has no heading of a lower level: comments of a script."""
    value = facts.values[line]
    if facts.depths[line] == 0:
        return 0
    for other in (line - 1, line + 1):
        if document.first <= other < document.last:
            if facts.kinds[other] == ATX and facts.values[other] == value:
                return 0
    if value == 1 and before >= document.first and not document.is_markdown:
        begin = text[after_white(text, facts.starts[line] + 1, facts.ends[line])]
        if not np.uint8(65) <= begin <= np.uint8(90) and begin < np.uint8(0x80):
            return 0
    return int(value)


@kernel
def _is_apart(line: int, other: int, document: Document) -> bool:
    """Whether a blank line, a block or the document's border is between a line and the one before
    or after that is not blank."""
    if other < document.first or other >= document.last:
        return True
    return abs(line - other) > 1 or document.owners[other] != FREE


@kernel
def _ends_with(text: U8, line: int, facts: LineFacts, codes: I64) -> bool:
    last = last_code_point(text, facts.starts[line], facts.ends[line])[0]
    return is_in(last, codes)


@kernel
def _underlined_level(
    text: U8, line: int, before: int, document: Document, facts: LineFacts
) -> int:
    """The level of a title over a line of signs, 0 if it is none."""
    under = line + 1
    start, end = facts.starts[line], facts.ends[line]
    if under == document.last or facts.kinds[under] != RULE or document.owners[under] != FREE:
        return 0
    level = _LEVELS[text[facts.starts[under]]]
    if level == 0 or end - start > 4 * MAX_UNDERLINED or facts.flags[line] & GAP:
        return 0
    if facts.kinds[line] == TEXT and facts.flags[line] & ITEM:
        return 0
    if code_points(text, start, end) > MAX_UNDERLINED or _ends_with(text, line, facts, _STOPS):
        return 0
    if _is_apart(line, before, document):
        long_enough = is_underline(text, document.first, under, facts)
        return level if long_enough or (level <= 2 and text[facts.starts[under]] != 42) else 0
    if before == line - 1 and is_underline(text, document.first, under, facts):
        return max(level - 1, 1) if facts.values[before] >= code_points(text, start, end) else 0
    return 0


@kernel
def _numbered_level(
    text: U8,
    line: int,
    before: int,
    after: int,
    document: Document,
    facts: LineFacts,
) -> int:
    """The level of a line with a number, 0 for one of a list or a table of contents: headings do
    not stand next to each other but for a lower one behind a higher one."""
    value, depth = facts.values[line], facts.depths[line]
    apart_before = _is_apart(line, before, document)
    apart_after = _is_apart(line, after, document)
    if facts.kinds[after] == NUMBERED and (not apart_after or facts.depths[after] <= depth):
        return 0
    if before >= document.first and facts.kinds[before] == NUMBERED:
        higher = facts.depths[before] < depth or _same_line(text, line, before, facts)
        if not apart_before or not higher:
            return 0
    long_after = facts.ends[after] - facts.starts[after] >= MIN_BODY
    if value == CHAPTER:
        return depth if apart_before else 0
    if facts.flags[line] & ITEM or value >= ROMAN:
        if not (apart_before and apart_after):
            return 0
    elif not (apart_before or _ends_with(text, before, facts, _SENTENCE_ENDS)):
        return 0
    elif not (apart_after or long_after):
        return 0
    if value > 0:
        roman = int(value >= ROMAN)
        number = value - ROMAN * roman
        if number != 1 and number != document.numbers[roman] + 1:
            return 0
        document.numbers[roman] = number
    return int(depth)


@kernel
def _same_line(text: U8, line: int, other: int, facts: LineFacts) -> bool:
    size = facts.ends[line] - facts.starts[line]
    if facts.ends[other] - facts.starts[other] != size:
        return False
    for i in range(size):
        if text[facts.starts[line] + i] != text[facts.starts[other] + i]:
            return False
    return True


@kernel
def _is_body(text: U8, line: int, document: Document, facts: LineFacts) -> bool:
    """Whether a line is what may follow a title: a sentence, a paragraph, a list, a heading."""
    kind = facts.kinds[line]
    if document.owners[line] != FREE or facts.flags[line] & ITEM:
        return True
    if kind == TEXT or kind == QUOTE:
        long = facts.ends[line] - facts.starts[line] >= MIN_BODY
        return long or _ends_with(text, line, facts, _SENTENCE_ENDS)
    return bool(kind != RULE and kind != BREAK)


@kernel
def _plain_level(
    text: U8,
    line: int,
    before: int,
    after: int,
    document: Document,
    facts: LineFacts,
    tables: Tables,
) -> int:
    """The level of a title without any mark: a known name, the first line, or a line of capitals
    (or with capitals) between blank ones."""
    start, end = facts.starts[line], facts.ends[line]
    if end - start > 4 * MAX_FIRST:
        return 0
    apart = _is_apart(line, before, document)
    stripped = end
    if text[end - 1] == np.uint8(58) or text[end - 1] == np.uint8(46):
        stripped -= 1
    if apart or _ends_with(text, before, facts, _SENTENCE_ENDS):
        flags = flags_of(code_point_at(text, start)[0], tables.pages, tables.classes)
        known = flags & SMALL == 0 and end - start <= MAX_NAME
        if known and find_word(text, start, stripped, tables.words.names) >= 0:
            return 1
    if not apart or not _is_apart(line, after, document):
        return 0
    return _lone_level(text, start, end, before < document.first, tables)


@kernel
def _lone_level(text: U8, start: int, end: int, is_first: bool, tables: Tables) -> int:
    """The level of a line alone by its letters: 1 for capitals only and for the first line, 2 for
    a capital at every word of more than 3 code points."""
    count, words, letters, capitals, smalls, digits, white = 0, 1, 0, 0, 0, 0, 0
    length = 0  # of the word so far, from its first letter or digit
    small_word, small_words, first, code = False, False, 0, 0
    i = start
    while i < end:
        code, after = code_point_at(text, i)
        count += 1
        if count > MAX_FIRST or is_in(code, _NO_TITLE):
            return 0
        flags = flags_of(code, tables.pages, tables.classes)
        first = flags if count == 1 else first
        if code == 40 and i > start and white_width(text, i - 1) == 0:
            return 0  # call(
        if white_width(text, i) > 0:
            words, white = words + 1, white + 1
            small_words |= small_word and length > 3
            length = 0
        elif length > 0 or flags & (ALPHABETIC | DIGIT):
            small_word = flags & SMALL != 0 if length == 0 else small_word
            length += 1
        letters += int(flags & ALPHABETIC != 0)
        capitals += int(flags & CAPITAL != 0)
        smalls += int(flags & SMALL != 0)
        digits += int(flags & DIGIT != 0)
        i = after
    small_words |= small_word and length > 3
    if is_in(code, _QUOTES):
        code = (
            last_code_point(text, start, last_code_point(text, start, end)[1])[0]
            if count > 1
            else 0
        )
    ends_open = is_in(code, _ENDERS)
    if count <= MAX_LONE and words <= MAX_LONE_WORDS:
        if smalls == 0 and capitals >= 3 and 2 * letters >= count - white:
            return int(not ends_open or is_in(code, _COLONS))
        named = first & CAPITAL and smalls > 0 and letters >= 4 and digits <= 2
        if named and not small_words and not ends_open and (is_first or code != 63):  # ?
            return 1 if is_first else 2
    return int(is_first and first & SMALL == 0 and letters >= 2 and not ends_open)


@kernel
def is_references(text: U8, start: int, end: int, kind: np.uint8, words: HeadingWords) -> bool:
    """Whether a heading is that of a list of references, by its words without number and marks."""
    if kind == COMMAND:
        while start < end and text[start] != np.uint8(123):
            start += 1
        start += 1
        close = start
        while close < end and text[close] != np.uint8(125):
            close += 1
        end = close
    elif kind == NUMBERED:
        while start < end and white_width(text, start) == 0:
            start = code_point_at(text, start)[1]
    while start < end and _is_mark(text[start]):
        start += 1
    while end > start and _is_mark(text[end - 1]):
        end -= 1
    if end <= start or end - start > 100:
        return False
    name = find_word(text, start, end, words.names)
    return 0 <= name < words.references


@kernel
def _is_mark(byte: np.uint8) -> bool:
    """One of # = : . * space, tab, and digits."""
    c = int(byte)
    return c == 35 or c == 61 or c == 58 or c == 46 or c == 42 or c == 32 or c == 9 or 48 <= c <= 57
