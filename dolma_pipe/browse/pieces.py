"""A text in pieces: where spans begin and end, with characters made visible that are not seen."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from dolma_pipe.report.terminal import code_of, is_shown

_ODD = re.compile(r"[^\n\t -~]")


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of text. marks: numbers of the columns of which a span covers it; control: it
    stands for a character that is not seen."""

    text: str
    marks: tuple[int, ...] = ()
    control: bool = False


class Mark(NamedTuple):
    """A span of a column: bytes of the text, at code-point borders."""

    column: int
    start: int
    end: int


def pieces_of(text: bytes, start: int, end: int, marks: Sequence[Mark]) -> list[Piece]:
    """text[start:end], both at code-point borders, split at the borders of marks."""
    inside = [m for m in marks if m.start < end and m.end > start and m.start < m.end]
    borders = {start, end}
    events: dict[int, list[tuple[int, int]]] = {}
    for mark in inside:
        first, last = max(mark.start, start), min(mark.end, end)
        borders |= {first, last}
        events.setdefault(first, []).append((mark.column, 1))
        events.setdefault(last, []).append((mark.column, -1))
    covered: dict[int, int] = {}
    found: list[Piece] = []
    ordered = sorted(borders)
    for first, last in pairwise(ordered):
        for column, step in events.get(first, ()):
            covered[column] = covered.get(column, 0) + step
        columns = tuple(sorted(column for column, depth in covered.items() if depth))
        found += visible(text[first:last].decode(errors="replace"), columns)
    return found


def visible(text: str, marks: tuple[int, ...] = ()) -> Iterator[Piece]:
    """The text with a piece of its own for each control, direction mark and the like."""
    done = 0
    for match in _ODD.finditer(text):
        if is_shown(match[0]):
            continue
        if done < match.start():
            yield Piece(text[done : match.start()], marks)
        yield Piece(code_of(match[0]), marks, True)
        done = match.end()
    if done < len(text):
        yield Piece(text[done:], marks)


def plain(text: str) -> str:
    """The text as one string, for a place where it has one line."""
    return "".join(piece.text for piece in visible(text.replace("\n", " ")))


def border(text: bytes, at: int) -> int:
    """The nearest code-point border at or before."""
    at = max(0, min(at, len(text)))
    while 0 < at < len(text) and text[at] & 0xC0 == 0x80:
        at -= 1
    return at
