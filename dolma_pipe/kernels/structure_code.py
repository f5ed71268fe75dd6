"""Code in documents: fenced and verbatim blocks, and documents that are source code throughout."""

import numpy as np

from dolma_pipe.kernels.jit import U8, Bool, kernel
from dolma_pipe.kernels.structure_found import CODE_BLOCK, Found, add
from dolma_pipe.kernels.structure_lines import (
    ATX,
    BEGIN_CODE,
    BLANK,
    CODE,
    END_CODE,
    FENCE,
    NUMBERED,
    RULE,
    TEXT,
    VERBATIM,
    LineFacts,
)
from dolma_pipe.kernels.unicode import code_points

FREE, IN_CODE, IN_BLOCK = np.uint8(0), np.uint8(1), np.uint8(2)
"""Owner of a line: nobody, a block of code, a formula or LaTeX block of several lines."""
MIN_CODE_LINES, MAX_CODE_SHARE = 3, 0.3
"""A document is source code if at least so many, and more than this share, of its lines look like
it: of those outside of code blocks that do not begin with #."""
_TILDE = np.uint8(126)


@kernel
def is_underline(text: U8, first: int, line: int, facts: LineFacts) -> bool:
    """Whether a line of signs underlines the one before it, as headings of reStructuredText:
    as long as that, which stands behind a blank line or a line of the same signs."""
    above = line - 1
    if above < first or (facts.kinds[above] != TEXT and facts.kinds[above] != NUMBERED):
        return False
    if above > first and facts.kinds[above - 1] != BLANK:
        over = facts.kinds[above - 1]
        same = text[facts.starts[above - 1]] == text[facts.starts[line]]
        if not (over == RULE and same):
            return False
    start, end = facts.starts[above], facts.ends[above]
    size = facts.values[line]
    return bool(end - start <= 4 * size and code_points(text, start, end) <= size)


@kernel
def find_code(
    text: U8, first: int, last: int, facts: LineFacts, owners: U8, closed: Bool, found: Found
) -> bool:
    """Mark and add the code blocks of the lines first:last; whether the document is source code.

    A fence is closed by one of the same sign that is as long; one that never is, is none.
    """
    longest, ends = np.zeros(2, np.int64), np.zeros(len(VERBATIM), np.bool_)
    for k in range(last - 1, first - 1, -1):
        kind, value = facts.kinds[k], facts.values[k]
        if kind == FENCE:
            tilde = text[facts.starts[k]] == _TILDE
            sign = int(tilde)
            if tilde and facts.depths[k] == 1 and is_underline(text, first, k, facts):
                facts.kinds[k], facts.depths[k] = RULE, 0
                continue
            closed[k] = longest[sign] >= value
            if facts.depths[k] == 1:
                longest[sign] = max(longest[sign], value)
        elif kind == BEGIN_CODE:
            closed[k] = ends[value]
        elif kind == END_CODE:
            ends[value] = True
    return _mark_code(text, first, last, facts, owners, closed, found)


@kernel
def _mark_code(
    text: U8, first: int, last: int, facts: LineFacts, owners: U8, closed: Bool, found: Found
) -> bool:
    opener = -1
    lines = code_lines = 0
    for k in range(first, last):
        kind = facts.kinds[k]
        if opener < 0:
            if (kind == FENCE or kind == BEGIN_CODE) and closed[k]:
                opener = k
            owners[k] = FREE if opener < 0 else IN_CODE
            if opener < 0 and kind != BLANK and kind != ATX:
                lines += 1
                code_lines += int(facts.flags[k] & CODE != 0)
            continue
        owners[k] = IN_CODE
        if facts.kinds[opener] == FENCE:
            same = kind == FENCE and text[facts.starts[k]] == text[facts.starts[opener]]
            ends = same and facts.depths[k] == 1 and facts.values[k] >= facts.values[opener]
        else:
            ends = kind == END_CODE and facts.values[k] == facts.values[opener]
        if ends:
            add(found, CODE_BLOCK, facts.starts[opener], facts.ends[k], k - opener - 1)
            opener = -1
    return code_lines >= MIN_CODE_LINES and code_lines > MAX_CODE_SHARE * lines
