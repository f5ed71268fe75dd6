"""The bytes of a shard as blocks of whole lines."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import Bool
from dolma_pipe.search.sieve import Sieve
from dolma_pipe.stream import READ, ByteStream, Damaged, Record

BLOCK = 1 << 20


class Block(NamedTuple):
    """Lines with their ends, but perhaps for the last. number: of the first, from 1; ends: how many
    of them end. None: a line that is too long to be held."""

    number: int
    lines: bytes | None
    ends: int = 0


def blocks(stream: ByteStream, max_bytes: int) -> Iterator[Block]:
    """Raises Damaged and InputError as the stream does, after the complete lines before."""
    number, fresh, parts, is_long = 1, 0, [b""], False
    damage: Damaged | None = None
    pieces = _pieces(stream)
    while True:
        try:
            piece = next(pieces, None)
        except Damaged as error:
            piece, damage = None, error
        if piece is not None and is_long:  # its beginning has gone
            at = piece.find(b"\n")
            piece, is_long = (b"", True) if at < 0 else (piece[at + 1 :], False)
            number += not is_long
        if piece is not None:
            parts.append(piece)
            fresh += len(piece)
            if fresh < BLOCK:  # or a long line would be copied once for each of its pieces
                continue
        whole = b"".join(parts)
        cut = len(whole) if piece is None and damage is None else whole.rfind(b"\n") + 1
        if cut:
            ends = int(np.count_nonzero(_line_ends(whole, cut)))
            yield Block(number, whole[:cut], ends)
            number += ends
        parts, fresh = [whole[cut:]], 0
        if len(whole) - cut > max_bytes:
            yield Block(number, None)
            parts, is_long = [b""], True
        if damage is not None:
            raise damage
        if piece is None:
            return


def _pieces(stream: ByteStream) -> Iterator[bytes]:
    for piece in stream:  # one may be much larger
        for at in range(0, len(piece), READ):
            yield piece[at : at + READ]


def _line_ends(lines: bytes, size: int) -> Bool:
    """Which bytes are; many times as fast as bytes.count."""
    ends: Bool = np.frombuffer(lines, np.uint8, size) == ord("\n")
    return ends


def sieved(stream: ByteStream, sieve: Sieve, max_bytes: int) -> Iterator[Record]:
    """The lines that can match, as stream.read_lines has them; of all others nothing is known.

    At the end a record without content: its number is how many lines there are.
    """
    last = 0
    for number, lines, ends in blocks(stream, max_bytes):
        last = number
        if lines is None:
            yield Record(number, None, f"longer than {max_bytes} bytes")
            continue
        if starts := sieve.starts(lines):
            borders = np.append(np.flatnonzero(_line_ends(lines, len(lines))), len(lines))
            places = np.searchsorted(borders, starts)
            for start, place in zip(starts, places.tolist(), strict=True):
                end = int(borders[place])
                if end - start > max_bytes:
                    yield Record(number + place, None, f"longer than {max_bytes} bytes")
                elif content := lines[start:end].strip(b" \t\r\n"):
                    yield Record(number + place, content)
        last += ends - lines.endswith(b"\n")
    yield Record(last, None)
