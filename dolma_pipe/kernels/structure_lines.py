"""What each line of a document may be, by itself: a heading, an item, a rule, a row of a table.

White space here is space, tab, CR, VT, FF, U+00A0, U+200B, U+3000 and U+FEFF: pages made of HTML
are full of the latter. A line is looked at without the white space around it.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I16, I32, I64, U8, U16, kernel
from dolma_pipe.kernels.strings import stands_at
from dolma_pipe.kernels.structure_numbers import may_be_numbered, numbered
from dolma_pipe.kernels.structure_words import HeadingWords, white_width
from dolma_pipe.kernels.unicode import last_code_point

BLANK, TEXT, FENCE, ATX, RULE, BREAK, COMMAND, SEPARATOR, COLUMNS, NUMBERED = map(
    np.uint8, range(10)
)
"""BREAK: `* * *`. COMMAND: a LaTeX heading. SEPARATOR: `|---|---|` and `+---+---+`. COLUMNS:
`====  ====`. NUMBERED: a number and a title, or "Chapter 1"."""
QUOTE, BEGIN_CODE, END_CODE = map(np.uint8, range(10, 13))

DOLLAR, BACKSLASH, LESS, PIPE, GAP, WIDE, ITEM, CODE = (np.uint8(1 << k) for k in range(8))
"""Flags: bytes that the line has; GAP: a tab or two spaces between its words; WIDE: a code point
beyond ASCII; ITEM: it begins as an item of a list; CODE: it looks like source code."""

HEADINGS = ("title", "part", "chapter", "section", "subsection", "subsubsection", "paragraph",
            "subparagraph")  # fmt: skip
HEADING_LEVELS = (1, 1, 1, 2, 3, 4, 5, 6)
VERBATIM = ("verbatim", "Verbatim", "lstlisting", "minted", "alltt")
PARTS = ("abstract", "thebibliography")
"""Environments that are sections of their own, of level 2."""
BULLETS = "•◦▪‣●○■□"
"""Bullets that need no space behind them; - * + – · do."""

_EQUALS, _SIGN = np.uint8(16), np.uint8(32)  # in _SEEN only, the places of GAP and WIDE
_SEEN = np.zeros(256, np.uint8)
for _bytes, _flag in (
    (b"$", DOLLAR), (b"\\", BACKSLASH), (b"<", LESS), (b"|", PIPE),
    (b"=", _EQUALS), (b"(_", _SIGN),
):  # fmt: skip
    _SEEN[list(_bytes)] |= _flag

_DASH, _BAR, _STAR, _COLON, _ONLY_RULE = (np.uint8(k) for k in range(1, 6))
_RULING = np.zeros(256, np.uint8)
for _bytes, _flag in (
    (b"-=", _DASH), (b"|+", _BAR), (b"*_", _STAR), (b":", _COLON), (b'^"', _ONLY_RULE),
):  # fmt: skip
    _RULING[list(_bytes)] = _flag
_DIGIT, _SMALL, _CAPITAL, _ROMAN = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
_COUNTER = np.zeros(256, np.uint8)
_COUNTER[list(b"0123456789")] |= _DIGIT
_COUNTER[list(b"abcdefghijklmnopqrstuvwxyz")] |= _SMALL
_COUNTER[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] |= _CAPITAL
_COUNTER[list(b"ivx")] |= _ROMAN
MOST_COLUMNS = 32767
_BULLETS = np.frombuffer(BULLETS.encode(), np.uint8)


def _names(names: tuple[str, ...]) -> tuple[U8, I64]:
    """All in a row, and where each one ends."""
    return np.frombuffer("".join(names).encode(), np.uint8), np.cumsum([len(n) for n in names])


_HEADING_NAMES, _HEADING_ENDS = _names(HEADINGS)
_LEVELS = np.array(HEADING_LEVELS)
_BORDER_NAMES, _BORDER_ENDS = _names(("begin", "end"))
_VERBATIM_NAMES, _VERBATIM_ENDS = _names(VERBATIM)
_PART_NAMES, _PART_ENDS = _names(PARTS)


class LineFacts(NamedTuple):
    """Of each line of the batch. starts, ends: int64, bytes of `text`, without white space around;
    equal for a blank line. kinds, flags: uint8. values: int32, by kind: the length of a FENCE or
    RULE, the level of an ATX or COMMAND, the number of NUMBERED (0: of more than one part, -1: of
    a chapter, from 1000 on: a Roman one). depths: uint8, by kind: 1 if an ATX has content, if a
    FENCE has nothing behind it; the level of NUMBERED. indents: int16, columns, 4 for a tab, up to
    MOST_COLUMNS. Of narrow types: a document may have as many lines as bytes."""

    starts: I64
    ends: I64
    kinds: U8
    flags: U8
    values: I32
    depths: U8
    indents: I16


def no_facts(lines: int) -> LineFacts:
    """Room for the facts of so many lines."""
    starts, ends = np.empty(lines, np.int64), np.empty(lines, np.int64)
    kinds, flags = np.empty(lines, np.uint8), np.empty(lines, np.uint8)
    values, depths = np.empty(lines, np.int32), np.empty(lines, np.uint8)
    return LineFacts(starts, ends, kinds, flags, values, depths, np.empty(lines, np.int16))


@kernel
def look_at_lines(
    text: U8,
    starts: I64,
    ends: I64,
    words: HeadingWords,
    pages: U16,
    classes: U8,
    facts: LineFacts,
) -> None:
    """Fill the facts of all lines."""
    # Out of the tuple once: each look into it counts references.
    firsts, lasts, kinds, marks = facts.starts, facts.ends, facts.kinds, facts.flags
    values, depths, indents = facts.values, facts.depths, facts.indents
    for k in range(len(starts)):
        a, b, indent = _trimmed(text, starts[k], ends[k])
        firsts[k], lasts[k], indents[k] = a, b, min(indent, MOST_COLUMNS)
        kind, flags, value, depth = BLANK, np.uint8(0), 0, 0
        if a < b:
            flags = _flags(text, a, b)
            kind, value, depth = _kind(text, a, b, indent)
        if kind == TEXT:
            if _is_item(text, a, b):
                flags |= ITEM
            if may_be_numbered(text, a, b):
                value, depth = numbered(text, a, b, words, pages, classes)
                kind = NUMBERED if depth > 0 else TEXT
        kinds[k], marks[k], values[k], depths[k] = kind, flags, value, depth


@kernel
def _trimmed(text: U8, start: int, end: int) -> tuple[int, int, int]:
    """The line without white space around it, and the columns of that before it."""
    columns = 0
    while start < end:
        width = white_width(text, start)
        if width == 0:
            break
        columns += 4 if text[start] == np.uint8(9) else 1
        start += width
    while end > start:
        if np.uint8(32) < text[end - 1] < np.uint8(0x80):
            break
        at = last_code_point(text, start, end)[1]
        if white_width(text, at) == 0:
            break
        end = at
    return start, end, columns


@kernel
def _flags(text: U8, a: int, b: int) -> np.uint8:
    seen, wide, before, gap = np.uint8(0), np.uint8(0), np.uint8(0), False
    for i in range(a, b):
        byte = text[i]
        seen |= _SEEN[byte]
        wide |= byte
        gap |= byte == np.uint8(9) or (byte == np.uint8(32) and before == byte)
        before = byte
    flags = seen & np.uint8(15)
    if gap:
        flags |= GAP
    is_wide = bool(wide >= np.uint8(0x80))
    if is_wide:
        flags |= WIDE
    equals, sign = seen & _EQUALS != 0, seen & (_EQUALS | _SIGN) != 0
    if _is_code(text[a], text[b - 1], b - a, equals, sign, is_wide):
        flags |= CODE
    return flags


@kernel
def _is_code(
    first: np.uint8, last: np.uint8, size: int, equals: bool, sign: bool, wide: bool
) -> bool:
    """A line that ends as code does, or sets a variable; never one of LaTeX, HTML or a table."""
    f, e = int(first), int(last)
    if f == 92 or f == 37 or f == 60 or f == 124:  # \ % < |
        return False
    if e == 59 or e == 123 or e == 125 or e == 40 or e == 92:  # ; { } ( \
        return True
    small = 97 <= f <= 122 or f == 95 or f == 125 or f == 41 or f == 93  # a-z _ } ) ]
    if small and sign and (e == 41 or e == 58 or e == 44 or e == 93):  # ) : , ]
        return True
    name = small or 65 <= f <= 90  # A-Z
    return name and equals and not wide and size < 120 and e != 46  # .


@kernel
def _kind(text: U8, a: int, b: int, indent: int) -> tuple[np.uint8, int, int]:
    """The kind of a line by its first byte; TEXT where a number is still to be looked for."""
    first = text[a]
    run = a
    while run < b and text[run] == first:
        run += 1
    run -= a
    if first == np.uint8(96) or first == np.uint8(126):  # ` ~
        return _fence(text, a, b, run)
    if first == np.uint8(35):  # #
        if run > 6 and run == b - a:  # a rule among comments
            return ATX, 1, 0
        if run > 6 or indent > 3 or (a + run < b and white_width(text, a + run) == 0):
            return TEXT, 0, 0
        content = 0
        for i in range(a + run, b):
            if text[i] > np.uint8(35):
                content = 1
                break
        return ATX, run, content
    if first == np.uint8(92):  # \
        return _command(text, a, b)
    if first == np.uint8(62):  # >
        return QUOTE, 0, 0
    if _RULING[first] != 0:
        if run == b - a:
            is_rule = run >= 3 and first != np.uint8(124) and first != np.uint8(58)
            return (RULE, run, 0) if is_rule else (TEXT, 0, 0)
        ruling = _ruling(text, a, b)
        if ruling == TEXT and first == np.uint8(61) and run <= 6:  # ==
            closing = b
            while text[closing - 1] == first:
                closing -= 1
            if b - closing == run:
                return ATX, run, 1
        return ruling, 0, 0
    return TEXT, 0, 0


@kernel
def _fence(text: U8, a: int, b: int, run: int) -> tuple[np.uint8, int, int]:
    if run < 3:
        return TEXT, 0, 0
    if text[a] == np.uint8(96):
        for i in range(a + run, b):
            if text[i] == np.uint8(96):
                return TEXT, 0, 0
    return FENCE, run, int(run == b - a)


@kernel
def _ruling(text: U8, a: int, b: int) -> np.uint8:
    """A line of signs only: a break, or the ruling of a table; or TEXT."""
    marks = same = dashes = bars = stars = groups = singles = run = 0
    for i in range(a, b):
        byte = text[i]
        if byte == np.uint8(32) or byte == np.uint8(9):
            singles += int(run == 1)
            run = 0
            continue
        kind = _RULING[byte]
        if kind == 0 or kind == _ONLY_RULE:
            return TEXT
        marks += 1
        same += int(byte == text[a])
        dashes += int(kind == _DASH)
        bars += int(kind == _BAR)
        stars += int(kind == _STAR)
        groups += int(run == 0)
        run += 1
    singles += int(run == 1)
    if same == marks >= 3 and singles == groups and (stars or text[a] == np.uint8(45)):
        return BREAK
    if stars == 0 and bars > 0 and dashes >= 2:
        return SEPARATOR
    if dashes == marks and groups >= 2 and singles == 0:
        return COLUMNS
    return TEXT


@kernel
def _command(text: U8, a: int, b: int) -> tuple[np.uint8, int, int]:
    """A heading, or a border of verbatim text; TEXT for any other command."""
    end = a + 1
    while end < b and end - a < 16 and _COUNTER[text[end]] & (_SMALL | _CAPITAL):
        end += 1
    name = _find(text, a + 1, end, _HEADING_NAMES, _HEADING_ENDS)
    if name >= 0:
        at = end + int(end < b and text[end] == np.uint8(42))  # *
        if at < b and (text[at] == np.uint8(123) or text[at] == np.uint8(91)):  # { [
            return COMMAND, _LEVELS[name], 0
        return TEXT, 0, 0
    if end < b and text[end] == np.uint8(123):
        border = _find(text, a + 1, end, _BORDER_NAMES, _BORDER_ENDS)
        if border >= 0:
            close = end + 1
            while close < b and close - end < 20 and text[close] != np.uint8(125):
                close += 1
            if close < b and text[close] == np.uint8(125):
                name = _find(text, end + 1, close, _VERBATIM_NAMES, _VERBATIM_ENDS)
                if name >= 0:
                    return (END_CODE if border else BEGIN_CODE), name, 0
                if border == 0 and _find(text, end + 1, close, _PART_NAMES, _PART_ENDS) >= 0:
                    return COMMAND, 2, 0
    return TEXT, 0, 0


@kernel
def _find(text: U8, start: int, end: int, names: U8, ends: I64) -> int:
    """Which of a few names stands here, -1 for none."""
    begin = 0
    for k in range(len(ends)):
        if ends[k] - begin == end - start and stands_at(
            text, start, end, names[begin:], end - start
        ):
            return k
        begin = ends[k]
    return -1


@kernel
def _is_item(text: U8, a: int, b: int) -> bool:
    """A bullet, or a number or letter with a bracket or full stop; white space; something."""
    behind = _bullet_end(text, a)
    if behind < 0:
        behind = _counter_end(text, a, b)
    if behind < 0 or behind >= b:
        return False
    return white_width(text, behind) > 0 or (text[a] == np.uint8(0xE2) and _is_tight(text, a))


@kernel
def _bullet_end(text: U8, a: int) -> int:
    """Behind one of - * + – · and BULLETS, or -1."""
    first = text[a]
    if first == np.uint8(45) or first == np.uint8(42) or first == np.uint8(43):
        return a + 1
    if first == np.uint8(0xC2) and text[a + 1] == np.uint8(0xB7):  # ·
        return a + 2
    if first == np.uint8(0xE2):
        dash = text[a + 1] == np.uint8(0x80) and text[a + 2] == np.uint8(0x93)  # –
        if dash or _is_tight(text, a):
            return a + 3
    return -1


@kernel
def _is_tight(text: U8, a: int) -> bool:
    """One of BULLETS, all of three bytes that begin with E2."""
    for k in range(0, len(_BULLETS), 3):
        if text[a + 1] == _BULLETS[k + 1] and text[a + 2] == _BULLETS[k + 2]:
            return True
    return False


@kernel
def _counter_end(text: U8, a: int, b: int) -> int:
    """Behind 12. 12) (12) a. a) (a) iv. iv) (iv) A) (A), or -1."""
    opened = text[a] == np.uint8(40)
    i = a + int(opened)
    start = i
    while i < b and i - start < 6 and _COUNTER[text[i]] != 0:
        i += 1
    if i == start or i >= b:
        return -1
    full_stop = text[i] == np.uint8(46)
    if not (text[i] == np.uint8(41) or (full_stop and not opened)):
        return -1
    size, kinds = i - start, np.uint8(0)
    for k in range(start, i):
        kinds |= _COUNTER[text[k]]
    if kinds == _DIGIT and size <= 3:
        return i + 1
    if size == 1 and (kinds & _SMALL != 0 or (kinds == _CAPITAL and not full_stop)):
        return i + 1
    roman = True
    for k in range(start, i):
        roman &= _COUNTER[text[k]] & _ROMAN != 0
    return i + 1 if roman and size <= 5 else -1
