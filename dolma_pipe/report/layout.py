"""Rows, bars and blocks on a terminal of a given width."""

import unicodedata
from collections.abc import Iterable, Sequence

BAR = "\N{LOWER SEVEN EIGHTHS BLOCK}"
GAP = 3
"""Columns between blocks that stand beside each other."""


def display_width(text: str) -> int:
    """Columns of a terminal: none for a combining mark, two for a wide character."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, columns: int) -> str:
    """At most so many columns, "..." where something is left out; text: in one line."""
    if display_width(text) <= columns:
        return text
    taken, room = "", columns - 3
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        taken += char
    return f"{taken}..."


def padded(text: str, columns: int) -> str:
    return text + " " * (columns - display_width(text))


def counted(number: int, one: str, more: str) -> str:
    """1 pair, 2 pairs."""
    return f"{number:,} {one if number == 1 else more}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Columns as wide as they must be, the first `left` of them flush left, all others right."""
    listed = [head, *rows]
    widths = [max(map(display_width, column)) for column in zip(*listed, strict=True)]
    return ["  ".join(_cells(row, widths, left)).rstrip() for row in listed]


def _cells(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        padded(cell, width) if i < left else " " * (width - display_width(cell)) + cell
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def bars(counts: dict[str, int], name: str, counted: str, columns: int = 24) -> list[str]:
    """A line a count with a bar, the longest of so many columns."""
    most = max(counts.values(), default=0)
    lines = table((name, counted), [(key, f"{n:,}") for key, n in counts.items()])
    drawn = [BAR * -(-n * columns // most) for n in counts.values()]
    return [lines[0], *(f"{line}  {bar}" for line, bar in zip(lines[1:], drawn, strict=True))]


def beside(blocks: Iterable[Sequence[str]], width: int) -> list[str]:
    """Blocks in their order, as many beside each other as fit; blank lines between."""
    rows: list[list[Sequence[str]]] = []
    for block in blocks:
        if not block:
            continue
        if rows and _row_width([*rows[-1], block]) <= width:
            rows[-1].append(block)
        else:
            rows.append([block])
    lines: list[str] = []
    for row in rows:
        lines += ["", *_joined(row)] if lines else _joined(row)
    return lines


def _row_width(blocks: Sequence[Sequence[str]]) -> int:
    return sum(map(_block_width, blocks)) + GAP * (len(blocks) - 1)


def _block_width(block: Sequence[str]) -> int:
    return max(map(display_width, block))


def _joined(blocks: Sequence[Sequence[str]]) -> list[str]:
    widths = [_block_width(block) for block in blocks]
    height = max(map(len, blocks))
    return [
        (" " * GAP)
        .join(
            padded(block[i] if i < len(block) else "", width)
            for block, width in zip(blocks, widths, strict=True)
        )
        .rstrip()
        for i in range(height)
    ]
