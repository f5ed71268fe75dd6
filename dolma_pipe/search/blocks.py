"""The bytes of a shard as blocks of whole lines, and those of their lines that may match."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.automaton import NEWLINE, lines_that_may_match
from dolma_pipe.kernels.jit import I32, U8
from dolma_pipe.stream import READ, ByteStream, Damaged, Record

BLOCK = 1 << 20
UNSIEVED = 15
"""Blocks that are not sieved after one of which most may match."""


def blocks(stream: ByteStream, max_bytes: int) -> Iterator[U8 | None]:
    """Lines with their ends, but perhaps for the last, which stand there until the next are asked
    for; None for a line that is too long to be held.

    Raises Damaged and InputError as the stream does, after the complete lines before.
    """
    room = np.empty(2 * BLOCK, np.uint8)
    used = whole = 0  # bytes that are held, and those of them that are whole lines
    is_long = False
    try:
        for piece in _pieces(stream):
            if is_long:  # its beginning has gone
                _, end, piece = piece.partition(b"\n")
                is_long = not end
            if not piece:
                continue
            if used + len(piece) > len(room):
                room = np.concatenate([room, np.empty(len(room) + len(piece), np.uint8)])
            room[used : used + len(piece)] = np.frombuffer(piece, np.uint8)
            whole = used + at + 1 if (at := piece.rfind(b"\n")) >= 0 else whole
            used += len(piece)
            if whole and used >= BLOCK:
                yield room[:whole]
                used -= whole
                room[:used] = room[whole : whole + used]
                whole = 0
            if not whole and used > max_bytes:
                yield None
                used, is_long = 0, True
    except Damaged:
        if whole:
            yield room[:whole]
        raise
    if used:
        yield room[:used]


def _pieces(stream: ByteStream) -> Iterator[bytes]:
    for piece in stream:  # one may be much larger
        for at in range(0, len(piece), READ):
            yield piece[at : at + READ]


class Sieve(NamedTuple):
    """What sieves lines. names: as lines_that_may_match has them. most: share of the bytes of a
    block; where more are in lines that may match, parsing all takes less than sieving."""

    table: I32
    names: U8
    most: float


def sieved(stream: ByteStream, sieve: Sieve, max_bytes: int) -> Iterator[Record]:
    """The lines that may match, as stream.read_lines has them; of all others nothing is known.

    At the end a record without content: its number is how many lines there are.
    """
    ended = last = unsieved = 0
    too_long = f"longer than {max_bytes} bytes"
    for block in blocks(stream, max_bytes):
        last = ended + 1
        if block is None:
            yield Record(last, None, too_long)
            ended = last
            continue
        if unsieved:
            unsieved -= 1
            lines = list(enumerate(block.tobytes().split(b"\n")))
            ends = len(lines) - 1
        else:
            lines, ends = _that_may_match(block, sieve)
            if sum(len(line) for _, line in lines) > sieve.most * len(block):
                unsieved = UNSIEVED
        for place, line in lines:
            if len(line) > max_bytes:
                yield Record(ended + 1 + place, None, too_long)
            elif content := line.strip(b" \t\r\n"):
                yield Record(ended + 1 + place, content)
        ended += ends
        last = ended + int(block[-1] != NEWLINE)
    yield Record(last, None)


def _that_may_match(block: U8, sieve: Sieve) -> tuple[list[tuple[int, bytes]], int]:
    """Lines with their places in the block, and how many lines end there."""
    room = [np.empty(len(block) // 2 + 1, np.int64) for _ in range(3)]
    found, ends = lines_that_may_match(block, sieve.table, sieve.names, *room)
    lines = zip(*(column[:found].tolist() for column in room), strict=True)
    return [(place, block[start:end].tobytes()) for start, end, place in lines], ends
