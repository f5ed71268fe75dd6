"""LaTeX in documents: formulas, and the environments of formulas, lists and tables; HTML tables.

An environment counts if its end follows somewhere. `$`, `$$`, `\\(` and `\\[` close before the next
blank line.
"""

from functools import cache

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, kernel
from dolma_pipe.kernels.strings import StringSet, stands_at, stands_in_any_case, string_set
from dolma_pipe.kernels.structure_code import IN_BLOCK, IN_CODE
from dolma_pipe.kernels.structure_found import FORMULA, LIST, TABLE, Found, add
from dolma_pipe.kernels.structure_lines import BACKSLASH, BLANK, DOLLAR, LESS, LineFacts
from dolma_pipe.kernels.structure_words import find_word

MATH_ENVIRONMENTS = (
    "equation", "equation*", "align", "align*", "alignat", "alignat*", "flalign", "flalign*",
    "gather", "gather*", "multline", "multline*", "eqnarray", "eqnarray*", "math", "displaymath",
    "dmath", "dmath*",
)  # fmt: skip
LIST_ENVIRONMENTS = ("itemize", "enumerate", "description")
TABLE_ENVIRONMENTS = (
    "table", "table*", "tabular", "tabular*", "tabularx", "tabulary", "longtable", "sidewaystable",
)  # fmt: skip
MAX_INLINE = 400
"""Bytes between two single dollars."""

_ALL = MATH_ENVIRONMENTS + LIST_ENVIRONMENTS + TABLE_ENVIRONMENTS
_LISTS, _TABLES = len(MATH_ENVIRONMENTS), len(MATH_ENVIRONMENTS) + len(LIST_ENVIRONMENTS)
_HTML = len(_ALL)
_NONE, _DOLLAR, _DOLLARS, _ROUND, _SQUARE = -1, -2, -3, -4, -5

(_MATH, _MATH_START, _MATH_LINE, _TABLE, _TABLE_START, _TABLE_LINE, _ROWS, _DEPTH, _LIST_START,
 _LIST_LINE, _ITEMS, _STATES) = range(12)  # fmt: skip
"""What is open, where it began, in which line."""

_SIGN, _LETTER, _BAD_BEFORE, _BAD_AFTER, _SPACE, _VETO = (np.uint8(1 << k) for k in range(6))
_CLASS = np.zeros(256, np.uint8)
_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
for _bytes, _flag in (
    (b"\\^_=+<>", _SIGN),
    (_ALNUM[:52] + bytes(range(0x80, 0x100)), _LETTER),
    (_ALNUM + b"$=/.%@#_", _BAD_BEFORE),
    (_ALNUM + b"$({_", _BAD_AFTER),
    (b" \t\r\n\x0b\x0c", _SPACE),
    (b'"`@#&?$', _VETO),
):
    _CLASS[list(_bytes)] |= _flag
_BEGIN, _END, _ITEM, _OPEN_TABLE, _CLOSE_TABLE, _ROW = (
    np.frombuffer(word, np.uint8)
    for word in (b"\\begin{", b"\\end{", b"\\item", b"<table", b"</table>", b"<tr")
)


@cache
def environments() -> StringSet:
    """The names of all environments; the kernels know one by its number in it."""
    data = [name.encode() for name in _ALL]
    offsets = np.cumsum([0, *(len(name) for name in data)])
    return string_set(np.frombuffer(b"".join(data), np.uint8), offsets)


@kernel
def find_latex(
    text: U8,
    first: int,
    last: int,
    facts: LineFacts,
    is_source: bool,
    names: StringSet,
    owners: U8,
    found: Found,
) -> None:
    """Add formulas, lists and tables of the lines first:last, and mark lines of blocks.

    is_source: the document is source code, where only environments are looked for.
    """
    remaining = np.zeros(_HTML + 1, np.int64)
    any_mark = np.uint8(0)
    for k in range(first, last):
        if owners[k] != IN_CODE:
            any_mark |= facts.flags[k] & (DOLLAR | BACKSLASH | LESS)
            if facts.flags[k] & (BACKSLASH | LESS):
                _count_ends(text, facts.starts[k], facts.ends[k], names, remaining)
    if any_mark:
        _scan(text, first, last, facts, is_source, names, remaining, owners, found)


@kernel
def _count_ends(text: U8, start: int, end: int, names: StringSet, remaining: I64) -> None:
    i = start
    while i < end:
        if text[i] == np.uint8(92):
            name, after = _environment(text, i, end, _END, names)
            if name >= 0:
                remaining[name] += 1
                i = after
            else:
                i += 2
            continue
        if text[i] == np.uint8(60) and stands_in_any_case(text, i, end, _CLOSE_TABLE, 8):
            remaining[_HTML] += 1
        i += 1


@kernel
def _environment(text: U8, at: int, end: int, word: U8, names: StringSet) -> tuple[int, int]:
    """The environment that begins (or ends) here and what is behind the brace; -1 if none does."""
    if not stands_at(text, at, end, word, len(word)):
        return -1, at
    start = at + len(word)
    i = start
    while i < end and i - start < 20 and text[i] != np.uint8(125):
        i += 1
    if i >= end or text[i] != np.uint8(125):
        return -1, at
    return find_word(text, start, i, names), i + 1


@kernel
def _scan(
    text: U8,
    first: int,
    last: int,
    facts: LineFacts,
    is_source: bool,
    names: StringSet,
    remaining: I64,
    owners: U8,
    found: Found,
) -> None:
    state = np.zeros(_STATES, np.int64)
    state[_MATH] = state[_TABLE] = _NONE
    for k in range(first, last):
        if owners[k] == IN_CODE or facts.kinds[k] == BLANK:
            if state[_MATH] < _NONE:
                state[_MATH] = _NONE
            continue
        if facts.flags[k] & (DOLLAR | BACKSLASH | LESS) == 0:
            continue
        i, end = facts.starts[k], facts.ends[k]
        while i < end:
            byte = text[i]
            if byte == np.uint8(92):
                i = _backslash(text, i, end, k, is_source, names, remaining, state, owners, found)
            elif byte == np.uint8(36):
                run = i
                while run < end and text[run] == byte:
                    run += 1
                if not is_source:
                    start = facts.starts[k]
                    _dollars(text, i, run, start, end, k, state, owners, found)
                i = run
            elif byte == np.uint8(60):
                _tag(text, i, end, k, remaining, state, owners, found)
                i += 1
            else:
                i += 1


@kernel
def _backslash(
    text: U8,
    at: int,
    end: int,
    line: int,
    is_source: bool,
    names: StringSet,
    remaining: I64,
    state: I64,
    owners: U8,
    found: Found,
) -> int:
    """What a backslash begins; returns what is behind it."""
    if at + 1 >= end:
        return end
    c = int(text[at + 1])
    math = state[_MATH]
    if c == 101:  # e
        name, after = _environment(text, at, end, _END, names)
        if name >= 0:
            remaining[name] -= 1
            _close(name, after, line, state, owners, found)
            return after
    if math >= 0:
        return at + 2
    if c == 98:  # b
        name, after = _environment(text, at, end, _BEGIN, names)
        if name >= 0:
            if remaining[name] > 0:
                _open(name, at, line, state)
            return after
    elif (c == 40 or c == 91) and math != _DOLLARS and not is_source:  # ( [
        state[_MATH] = _ROUND if c == 40 else _SQUARE
        state[_MATH_START], state[_MATH_LINE] = at, line
    elif c == 41 and math == _ROUND:  # )
        if is_formula(text, state[_MATH_START] + 2, at, False):
            add(found, FORMULA, state[_MATH_START], at + 2, 0)
        state[_MATH] = _NONE
    elif c == 93 and math == _SQUARE:  # ]
        if _has_sign(text, state[_MATH_START] + 2, at):
            add(found, FORMULA, state[_MATH_START], at + 2, 1)
            _mark(owners, state[_MATH_LINE], line)
        state[_MATH] = _NONE
    elif c == 92:
        state[_ROWS] += int(state[_TABLE] != _HTML)
    elif c == 105 and stands_at(text, at, end, _ITEM, 5):  # i
        if at + 5 >= end or _CLASS[text[at + 5]] & _LETTER == 0:
            state[_ITEMS] += 1
            return at + 5
    return at + 2


@kernel
def _open(name: int, at: int, line: int, state: I64) -> None:
    """An environment begins."""
    math = state[_MATH]
    if name < _LISTS:
        if math != _DOLLARS and math != _SQUARE:
            state[_MATH], state[_MATH_START], state[_MATH_LINE] = name, at, line
        return
    state[_MATH] = _NONE
    if name >= _TABLES:
        if state[_TABLE] == _NONE:
            state[_TABLE], state[_TABLE_START], state[_TABLE_LINE] = name, at, line
            state[_ROWS] = 0
        return
    if state[_DEPTH] == 0:
        state[_LIST_START], state[_LIST_LINE], state[_ITEMS] = at, line, 0
    state[_DEPTH] += 1


@kernel
def _close(name: int, after: int, line: int, state: I64, owners: U8, found: Found) -> None:
    """An environment ends; what it was goes to the list."""
    if state[_MATH] >= 0:
        if state[_MATH] == name:
            add(found, FORMULA, state[_MATH_START], after, 1)
            _mark(owners, state[_MATH_LINE], line)
            state[_MATH] = _NONE
    elif name >= _TABLES:
        if state[_TABLE] == name:
            add(found, TABLE, state[_TABLE_START], after, max(state[_ROWS], 1))
            _mark(owners, state[_TABLE_LINE], line)
            state[_TABLE] = _NONE
    elif name >= _LISTS and state[_DEPTH] > 0:
        state[_DEPTH] -= 1
        if state[_DEPTH] == 0:
            add(found, LIST, state[_LIST_START], after, state[_ITEMS])
            _mark(owners, state[_LIST_LINE], line)


@kernel
def _mark(owners: U8, first: int, last: int) -> None:
    for k in range(first, last + 1):
        if owners[k] != IN_CODE:
            owners[k] = IN_BLOCK


@kernel
def _dollars(
    text: U8,
    at: int,
    after: int,
    start: int,
    end: int,
    line: int,
    state: I64,
    owners: U8,
    found: Found,
) -> None:
    """One dollar or two close a formula, or open one; more are none."""
    math = state[_MATH]
    if math >= 0 or math == _ROUND or math == _SQUARE:
        return
    run = after - at
    if run > 2 or (run == 1 and math == _DOLLARS):
        if math == _DOLLAR:
            state[_MATH] = _NONE
        return
    begin = state[_MATH_START]
    if run == 2 and math == _DOLLARS and is_formula(text, begin + 2, at, True):
        add(found, FORMULA, begin, after, 1)
        _mark(owners, state[_MATH_LINE], line)
        state[_MATH] = _NONE
        return
    if run == 1 and math == _DOLLAR and at - begin <= MAX_INLINE:
        closes = _CLASS[text[at - 1]] & _SPACE == 0
        closes &= after >= end or _CLASS[text[after]] & _BAD_AFTER == 0
        if closes and is_formula(text, begin + 1, at, False):
            add(found, FORMULA, begin, after, 0)
            state[_MATH] = _NONE
            return
    opens = at == start or _CLASS[text[at - 1]] & _BAD_BEFORE == 0
    opens &= run == 2 or (after < end and _CLASS[text[after]] & _SPACE == 0)
    state[_MATH] = (_DOLLAR if run == 1 else _DOLLARS) if opens else _NONE
    state[_MATH_START], state[_MATH_LINE] = at, line


@kernel
def is_formula(text: U8, start: int, end: int, displayed: bool) -> bool:
    """Whether it holds no dollar, if not displayed no sign of a program, and a sign of mathematics
    or no word: at most 3 letters in a row, or 1 where there is white space."""
    letters = longest = 0
    sign, white, blank = False, False, True
    for i in range(start, end):
        kind = _CLASS[text[i]]
        if kind & _VETO and (not displayed or text[i] == np.uint8(36)):
            return False
        sign |= kind & _SIGN != 0
        letters = letters + 1 if kind & _LETTER else 0
        longest = max(longest, letters)
        white |= kind & _SPACE != 0
        blank &= kind & _SPACE != 0
    return sign or (not blank and longest <= (1 if white else 3))


@kernel
def _has_sign(text: U8, start: int, end: int) -> bool:
    for i in range(start, end):
        if _CLASS[text[i]] & _SIGN:
            return True
    return False


@kernel
def _tag(
    text: U8,
    at: int,
    end: int,
    line: int,
    remaining: I64,
    state: I64,
    owners: U8,
    found: Found,
) -> None:
    """A tag of an HTML table."""
    if stands_in_any_case(text, at, end, _CLOSE_TABLE, 8):
        remaining[_HTML] -= 1
        if state[_TABLE] == _HTML:
            add(found, TABLE, state[_TABLE_START], at + 8, max(state[_ROWS], 1))
            _mark(owners, state[_TABLE_LINE], line)
            state[_TABLE] = _NONE
    elif stands_in_any_case(text, at, end, _OPEN_TABLE, 6):
        closed = at + 6 >= end or text[at + 6] == np.uint8(62) or _CLASS[text[at + 6]] & _SPACE
        if closed and state[_TABLE] == _NONE and state[_MATH] < 0 and remaining[_HTML] > 0:
            state[_TABLE], state[_TABLE_START], state[_TABLE_LINE] = _HTML, at, line
            state[_ROWS] = 0
    elif state[_TABLE] == _HTML and stands_in_any_case(text, at, end, _ROW, 3):
        if at + 3 >= end or text[at + 3] == np.uint8(62) or _CLASS[text[at + 3]] & _SPACE:
            state[_ROWS] += 1
