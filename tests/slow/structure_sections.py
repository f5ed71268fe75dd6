"""Sections of one document the obvious way."""

import re

Heading = tuple[int, int]
"""Start in bytes, and level."""


def sections(
    text: bytes, headings: list[Heading], max_level: int = 6
) -> list[tuple[int, int, int]]:
    """Start, end and level of each; white space before the first heading goes with it."""
    borders = [(start, level) for start, level in headings if level <= max_level]
    if not text:
        return []
    if borders and not re.search(rb"[^\x00-\x20]", text[: borders[0][0]]):
        borders[0] = (0, borders[0][1])
    else:
        borders.insert(0, (0, 0))
    ends = [start for start, _ in borders[1:]] + [len(text)]
    return [(start, end, level) for (start, level), end in zip(borders, ends, strict=True)]


def sized(
    text: bytes, headings: list[Heading], max_bytes: int, min_bytes: int
) -> list[tuple[int, int, int]]:
    """Short ones merged with the next, the last with the one before, long ones cut."""
    merged: list[list[int]] = []
    for start, end, level in sections(text, headings):
        if merged and merged[-1][1] - merged[-1][0] < min_bytes:
            merged[-1] = [merged[-1][0], end, merged[-1][2] or level]
        else:
            merged.append([start, end, level])
    if len(merged) > 1 and merged[-1][1] - merged[-1][0] < min_bytes:
        _, end, level = merged.pop()
        merged[-1] = [merged[-1][0], end, merged[-1][2] or level]
    cut = []
    for start, end, level in merged:
        while end - start > max_bytes:
            stop = border(text, start, end, max_bytes, min_bytes)
            cut.append((start, stop, level))
            start = stop
        cut.append((start, end, level))
    return cut


def border(text: bytes, start: int, end: int, max_bytes: int, min_bytes: int) -> int:
    """Behind the last blank line, line, white space or code point in the second half."""
    limit = min(start + max_bytes, end - min_bytes)
    least = start + max(min_bytes, (limit - start) // 2)
    places = range(limit, least, -1)
    for pattern in (rb"\n[ \t\r]*\n\Z", rb"\n\Z", rb"[ \t\r]\Z"):
        for i in places:
            if re.search(pattern, text[least:i]):
                return i
    while text[limit] & 0xC0 == 0x80:
        limit -= 1
    return limit


def references(size: int, headings: list[tuple[int, int, bool]]) -> int:
    """Bytes from each heading of references (start, level, is one) to the next not below it."""
    inside = set()
    for k, (start, level, is_references) in enumerate(headings):
        if is_references:
            after = [other for other, above, _ in headings[k + 1 :] if above <= level]
            inside.update(range(start, after[0] if after else size))
    return len(inside)
