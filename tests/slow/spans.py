"""Masks applied to one document the obvious way: byte by byte."""

Span = tuple[int, int, int]


def merged(columns: list[list[tuple[int, int]]]) -> list[Span]:
    """(start, end, column) of every mask."""
    spans = sorted(
        ((start, end, kind) for kind, spans in enumerate(columns) for start, end in spans),
        key=lambda s: (s[0], -s[1], s[2]),
    )
    masks: list[Span] = []
    for start, end, kind in spans:
        if start == end:
            continue
        if masks and start < masks[-1][1]:
            masks[-1] = (masks[-1][0], max(masks[-1][1], end), masks[-1][2])
        else:
            masks.append((start, end, kind))
    return masks


def masked(text: bytes, columns: list[list[tuple[int, int]]], replacements: list[bytes]) -> bytes:
    new = b""
    here = 0
    for start, end, kind in merged(columns):
        new += text[here:start] + replacements[kind]
        here = end
    return new + text[here:]
