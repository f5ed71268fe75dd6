"""The bytes of a shard as blocks of whole lines, and those of their lines that may match."""

from collections.abc import Iterator

import numpy as np

from dolma_pipe.kernels.automaton import NEWLINE, lines_that_may_match
from dolma_pipe.kernels.jit import I32, U8
from dolma_pipe.stream import READ, ByteStream, Damaged, Record

BLOCK = 1 << 20


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


def sieved(stream: ByteStream, table: I32, names: bytes, max_bytes: int) -> Iterator[Record]:
    """The lines that may match, as stream.read_lines has them; of all others nothing is known.

    names: as lines_that_may_match has them.
    At the end a record without content: its number is how many lines there are.
    """
    ended, last = 0, 0
    keys = np.frombuffer(names, np.uint8)
    too_long = f"longer than {max_bytes} bytes"
    for block in blocks(stream, max_bytes):
        last = ended + 1
        if block is None:
            yield Record(last, None, too_long)
            ended = last
            continue
        room = [np.empty(len(block) // 2 + 1, np.int64) for _ in range(3)]
        found, ends = lines_that_may_match(block, table, keys, *room)
        for start, end, place in zip(*(column[:found].tolist() for column in room), strict=True):
            if end - start > max_bytes:
                yield Record(ended + 1 + place, None, too_long)
            elif content := block[start:end].tobytes().strip(b" \t\r\n"):
                yield Record(ended + 1 + place, content)
        ended += ends
        last = ended + int(block[-1] != NEWLINE)
    yield Record(last, None)
