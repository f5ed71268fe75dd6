"""Headings, lists, tables and formulas of the lines that no code and no LaTeX block takes."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, Bool, kernel
from dolma_pipe.kernels.strings import StringSet
from dolma_pipe.kernels.structure_code import FREE, find_code
from dolma_pipe.kernels.structure_found import FORMULA, HEADING, LIST, TABLE, Found, add
from dolma_pipe.kernels.structure_headings import (
    Document,
    Tables,
    heading_at,
    is_references,
    may_head,
)
from dolma_pipe.kernels.structure_latex import find_latex
from dolma_pipe.kernels.structure_lines import (
    ATX,
    BACKSLASH,
    BLANK,
    COMMAND,
    DOLLAR,
    ITEM,
    NUMBERED,
    TEXT,
    WIDE,
    LineFacts,
)
from dolma_pipe.kernels.structure_tables import MAX_GAPS, may_be_row, table_at
from dolma_pipe.kernels.unicode import ALPHABETIC, code_point_at, flags_of

REFERENCES = 64
"""Added to the level of a heading of references."""
MIN_ITEMS, MAX_LAZY = 2, 4
"""Items of a list; lines in a row that go on with an item without being indented."""
MIN_FORMULA, MAX_FORMULA = 5, 200
"""Code points at least, and bytes at most, of a line that is a formula."""
RELATIONS = "=<>≈≠≡≤≥∝∈⊂⊆≪≫≅∼"
MATHEMATICS = (
    (0xB1, 0xB3), (0xB9, 0xB9), (0xD7, 0xD7), (0xF7, 0xF7), (0x391, 0x3C9), (0x2070, 0x209F),
    (0x2200, 0x22FF), (0x27C0, 0x27EF), (0x2A00, 0x2AFF), (0x1D400, 0x1D7FF),
)  # fmt: skip
"""Code points of formulas: signs, raised and lowered figures, Greek and mathematical letters."""

_RELATIONS = np.array([ord(c) for c in RELATIONS])
_MATHEMATICS = np.array(MATHEMATICS)
_OPEN, _START, _END, _ITEMS, _BASE, _GAP, _LAZY = range(7)


@kernel
def find_blocks(
    text: U8,
    firsts: I64,
    facts: LineFacts,
    names: StringSet,
    tables: Tables,
    owners: U8,
    closed: Bool,
    found: Found,
) -> None:
    """Add all that is found in the documents, whose lines are firsts[d]:firsts[d + 1]."""
    numbers, gaps, state = (
        np.zeros(2, np.int64),
        np.zeros((2, MAX_GAPS, 2), np.int64),
        np.zeros(7, np.int64),
    )
    for d in range(len(firsts) - 1):
        first, last = firsts[d], firsts[d + 1]
        is_source = find_code(text, first, last, facts, owners, closed, found)
        find_latex(text, first, last, facts, is_source, names, owners, found)
        is_markdown = False
        for k in range(first, last):
            below = facts.kinds[k] == ATX and facts.values[k] > 1 and facts.depths[k] == 1
            is_markdown |= below and owners[k] == FREE
        numbers[:] = 0
        document = Document(first, last, is_source, is_markdown, owners, numbers)
        _find_blocks(text, document, facts, tables, gaps, state, found)


@kernel
def _find_blocks(
    text: U8,
    document: Document,
    facts: LineFacts,
    tables: Tables,
    gaps: I64,
    state: I64,
    found: Found,
) -> None:
    # Out of the tuples once: each look into one counts references, which most lines need not pay.
    starts, ends, kinds, indents = facts.starts, facts.ends, facts.kinds, facts.indents
    owners, flags, last = document.owners, facts.flags, document.last
    is_source = document.is_source
    state[_OPEN] = 0
    k, before = document.first, document.first - 1
    while k < last:
        kind, size = kinds[k], ends[k] - starts[k]
        if kind == BLANK:
            state[_GAP] = 1
            k += 1
            continue
        inside = state[_OPEN] != 0 and indents[k] > state[_BASE]
        is_free = owners[k] == FREE
        behind, level, lines, is_table = k + 1, 0, 1, False
        if (
            is_free
            and (kind == COMMAND or not inside)
            and may_head(text, k, before, document, starts, ends, kinds, owners)
        ):
            level, lines = heading_at(text, k, before, document, facts, tables)
        if level > 0:
            behind = k + lines
            references = is_references(text, starts[k], ends[k], kind, tables.words)
            add(found, HEADING, starts[k], ends[behind - 1], level + REFERENCES * references)
        elif is_free and not is_source and may_be_row(kind, flags[k]):
            after, rows = table_at(text, k, document, facts, gaps)
            is_table = after > k
            behind = max(after, behind)
            if rows > 0:
                add(found, TABLE, starts[k], ends[after - 1], rows)
        ends_list = level > 0 or is_table or (is_free and kind != TEXT and kind != NUMBERED)
        is_item = not ends_list and is_free and flags[k] & ITEM != 0 and not is_source
        if is_item:
            _add_item(starts[k], ends[k], indents[k], state)
        elif state[_OPEN]:
            _go_on(ends[k], inside, ends_list, state, found)
        if (
            flags[k] & (WIDE | DOLLAR | BACKSLASH | ITEM) == WIDE
            and not (ends_list or is_source)
            and is_free
            and size <= MAX_FORMULA
            and _is_formula(text, starts[k], ends[k], tables.pages, tables.classes)
        ):
            add(found, FORMULA, starts[k], ends[k], 1)
        before = behind - 1
        k = behind
    if state[_OPEN]:
        _close_list(state, found)


@kernel
def _add_item(start: int, end: int, indent: int, state: I64) -> None:
    """One item more of the list that is open, or of a new one."""
    if not state[_OPEN]:
        state[_OPEN], state[_START], state[_ITEMS], state[_BASE] = 1, start, 0, indent
    state[_BASE] = min(state[_BASE], indent)
    state[_ITEMS] += 1
    state[_END], state[_GAP], state[_LAZY] = end, 0, 0


@kernel
def _go_on(end: int, inside: bool, ends_list: bool, state: I64, found: Found) -> None:
    """A line that is no item: it goes on with the list if it is indented, or for a few lines."""
    if inside and not ends_list:
        state[_END], state[_GAP], state[_LAZY] = end, 0, 0
    elif ends_list or state[_GAP] or state[_LAZY] == MAX_LAZY:
        _close_list(state, found)
    else:
        state[_LAZY] += 1


@kernel
def _close_list(state: I64, found: Found) -> None:
    if state[_OPEN] and state[_ITEMS] >= MIN_ITEMS:
        add(found, LIST, state[_START], state[_END], state[_ITEMS])
    state[_OPEN] = 0


@kernel
def _is_formula(text: U8, start: int, end: int, pages: U16, classes: U8) -> bool:
    """A relation and a sign beyond ASCII, and no 4 other letters in a row."""
    signs = relations = letters = count = 0
    i = start
    while i < end:
        code, i = code_point_at(text, i)
        count += 1
        is_sign = False
        for k in range(len(_MATHEMATICS)):
            is_sign |= _MATHEMATICS[k, 0] <= code <= _MATHEMATICS[k, 1]
        signs += int(is_sign)
        for relation in _RELATIONS:
            relations += int(code == relation)
        is_letter = not is_sign and flags_of(code, pages, classes) & ALPHABETIC
        letters = letters + 1 if is_letter else 0
        if letters == 4:
            return False
    return signs > 0 and relations > 0 and count >= MIN_FORMULA
