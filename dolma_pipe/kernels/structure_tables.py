"""Tables of plain text: with rulings, or of columns that tabs or aligned spaces keep apart."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, kernel
from dolma_pipe.kernels.structure_code import FREE
from dolma_pipe.kernels.structure_headings import Document
from dolma_pipe.kernels.structure_lines import (
    BLANK,
    COLUMNS,
    FENCE,
    GAP,
    NUMBERED,
    PIPE,
    SEPARATOR,
    TEXT,
    LineFacts,
)

MIN_RULED, MIN_ALIGNED, MIN_GAPS = 2, 3, 2
"""Rows of a table with a ruling, and without; gaps in each row without."""
MAX_GAPS = 32
"""Of so many gaps the place is compared."""
_TAB, _SPACE = np.uint8(9), np.uint8(32)


@kernel
def may_be_row(kind: np.uint8, flags: np.uint8) -> bool:
    """Whether a table may begin with such a line."""
    return bool(flags & (GAP | PIPE) != 0 or kind == SEPARATOR or kind == COLUMNS)


@kernel
def table_at(
    text: U8, line: int, document: Document, facts: LineFacts, gaps: I64
) -> tuple[int, int]:
    """The line behind the table that begins here, and its rows, 0 if it is none.

    The line behind is after `line` also for a ruling that no table goes with. gaps:
    int64[2, 32, 2], room for the places of gaps.
    """
    kind, following = facts.kinds[line], BLANK
    if line + 1 < document.last and document.owners[line + 1] == FREE:
        following = facts.kinds[line + 1]
    if _is_row(line, facts) and (
        following == SEPARATOR
        or (kind == SEPARATOR and following != BLANK and _is_row(line + 1, facts))
    ):
        return _ruled(line, document, facts, SEPARATOR)
    words = kind == TEXT or kind == NUMBERED
    if kind == COLUMNS or (words and following == COLUMNS and facts.flags[line] & GAP):
        return _ruled(line, document, facts, COLUMNS)
    if facts.flags[line] & GAP and words and following != BLANK:
        return _aligned(text, line, document, facts, gaps)
    return line, 0


@kernel
def _is_row(line: int, facts: LineFacts) -> bool:
    kind = facts.kinds[line]
    return bool(kind == SEPARATOR or (facts.flags[line] & PIPE != 0 and kind != FENCE))


@kernel
def _ruled(line: int, document: Document, facts: LineFacts, ruling: np.uint8) -> tuple[int, int]:
    """A table with a ruling: down to the first line without a bar, or a blank one."""
    rows, k = 0, line
    while k < document.last and document.owners[k] == FREE and facts.kinds[k] != BLANK:
        if ruling == SEPARATOR and not _is_row(k, facts):
            break
        rows += int(facts.kinds[k] != ruling)
        k += 1
    return k, (rows if rows >= MIN_RULED else 0)


@kernel
def _aligned(
    text: U8, line: int, document: Document, facts: LineFacts, gaps: I64
) -> tuple[int, int]:
    """Lines in a row with as many gaps, of tabs or one above the other."""
    count = _find_gaps(text, line, facts, gaps[0])
    if count < MIN_GAPS:
        return line, 0
    k = line + 1
    while k < document.last and document.owners[k] == FREE and facts.flags[k] & GAP:
        if facts.kinds[k] != TEXT and facts.kinds[k] != NUMBERED:
            break
        above, here = gaps[(k - line - 1) & 1], gaps[(k - line) & 1]
        if _find_gaps(text, k, facts, here) != count or not _are_aligned(above, here, count):
            break
        k += 1
    rows = k - line
    return (k, rows) if rows >= MIN_ALIGNED else (line, 0)


@kernel
def _find_gaps(text: U8, line: int, facts: LineFacts, places: I64) -> int:
    """Count the gaps between words: of a tab, or of spaces, but not two behind the end of a
    sentence. places: first and last column + 1 of each, -1 for one with a tab."""
    count = run = 0
    tab = False
    column, before = facts.indents[line], np.uint8(0)
    for i in range(facts.starts[line], facts.ends[line]):
        byte = text[i]
        if byte == _SPACE or byte == _TAB:
            run += 1
            tab |= byte == _TAB
        else:
            ends = before == np.uint8(46) or before == np.uint8(33) or before == np.uint8(63)
            ends |= before == np.uint8(58)
            if tab or run > 2 or (run == 2 and not ends):
                if count < MAX_GAPS:
                    places[count, 0] = -1 if tab else column - run
                    places[count, 1] = -1 if tab else column
                count += 1
            before, run, tab = byte, 0, False
        column += int(byte & np.uint8(0xC0) != np.uint8(0x80))
    return count


@kernel
def _are_aligned(above: I64, here: I64, count: int) -> bool:
    """Whether each gap has a column in common with that of the line above, or one has a tab."""
    for k in range(min(count, MAX_GAPS)):
        if above[k, 0] >= 0 and here[k, 0] >= 0:
            if above[k, 0] >= here[k, 1] or here[k, 0] >= above[k, 1]:
                return False
    return True
