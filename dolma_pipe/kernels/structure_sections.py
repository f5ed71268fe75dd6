"""Sections of documents: from heading to heading, or brought to a size: short ones merged with the
next, long ones cut behind a paragraph, a line or a word."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, Bool, kernel

_FEED, _SPACE, _TAB, _RETURN = np.uint8(10), np.uint8(32), np.uint8(9), np.uint8(13)


@kernel
def find_sections(
    text: U8,
    offsets: I64,
    headings: I64,
    heading_starts: I64,
    heading_levels: I64,
    max_level: int,
    firsts: I64,
    starts: I64,
    ends: I64,
    levels: I64,
    heads: I64,
) -> int:
    """Fill the sections from heading to heading and return how many there are.

    Headings of a level over max_level begin none. What stands before the first heading is a section
    of level 0, but for white space, which goes with the first. heads: the number of its heading,
    -1 for none.
    """
    n = 0
    for d in range(len(offsets) - 1):
        begin, size = int(offsets[d]), int(offsets[d + 1] - offsets[d])
        first = n
        if size > 0:
            starts[n], levels[n], heads[n] = 0, 0, -1
            n += 1
        blank = True
        i = 0
        for k in range(headings[d], headings[d + 1]):
            if heading_levels[k] > max_level:
                continue
            while blank and i < heading_starts[k]:
                blank = text[begin + i] <= _SPACE
                i += 1
            if not blank or levels[first] > 0:
                ends[n - 1] = heading_starts[k]
                starts[n] = heading_starts[k]
                n += 1
            levels[n - 1], heads[n - 1] = heading_levels[k], k
        if n > first:
            ends[n - 1] = size
        firsts[d + 1] = n
    return n


@kernel
def count_references(
    offsets: I64,
    headings: I64,
    heading_starts: I64,
    heading_levels: I64,
    references: Bool,
    sizes: I64,
) -> None:
    """Fill sizes with the bytes of each document's lists of references: from its heading to the
    next of the same level or a higher one."""
    for d in range(len(sizes)):
        start = level = -1
        for k in range(headings[d], headings[d + 1]):
            if start >= 0 and heading_levels[k] <= level:
                sizes[d] += heading_starts[k] - start
                start = -1
            if start < 0 and references[k]:
                start, level = heading_starts[k], heading_levels[k]
        if start >= 0:
            sizes[d] += offsets[d + 1] - offsets[d] - start


@kernel
def cut_sections(
    text: U8,
    offsets: I64,
    sections: I64,
    section_starts: I64,
    section_levels: I64,
    max_bytes: int,
    min_bytes: int,
    firsts: I64,
    starts: I64,
    ends: I64,
    levels: I64,
) -> int:
    """Fill the sections of all documents; section_starts, starts and ends count from the document's
    start. Returns how many there are."""
    n = 0
    for d in range(len(offsets) - 1):
        begin = int(offsets[d])
        size = int(offsets[d + 1]) - begin
        k, last = int(sections[d]), int(sections[d + 1])
        start = level = 0
        while start < size:
            while k < last and section_starts[k] <= start:
                level = section_levels[k] if level == 0 else level
                k += 1
            while k < last and section_starts[k] - start < min_bytes:
                level = section_levels[k] if level == 0 else level
                k += 1
            end = int(section_starts[k]) if k < last else size
            if k < last and size - end < min_bytes:  # the last one goes with the one before
                level = section_levels[k] if level == 0 else level
                end, k = size, last
            while start < end:
                stop = _cut(text, begin, start, end, max_bytes, min_bytes)
                starts[n], ends[n], levels[n] = start, stop, level
                start = stop
                n += 1
            level = 0
        firsts[d + 1] = n
    return n


@kernel
def _cut(text: U8, begin: int, start: int, end: int, max_bytes: int, min_bytes: int) -> int:
    """Where the part that starts here ends, so that the rest is not shorter than min_bytes."""
    if end - start <= max_bytes:
        return end
    limit = min(start + max_bytes, end - min_bytes)
    least = start + max(min_bytes, (limit - start) // 2)
    line = word = blank = -1  # blank: behind a line feed, with only blanks from here to it
    for i in range(limit, least, -1):
        before = text[begin + i - 1]
        if before == _FEED:
            if blank >= 0:
                return blank
            blank = i
            line = max(line, i)
        elif before == _SPACE or before == _TAB or before == _RETURN:
            word = max(word, i)
        else:
            blank = -1
    if line >= 0:
        return line
    if word >= 0:
        return word
    while text[begin + limit] & np.uint8(0xC0) == np.uint8(0x80):
        limit -= 1
    return limit
