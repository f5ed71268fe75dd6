"""Stored sets: what an index keeps of documents instead of their texts.

A file: blocks of BLOCK values each, then the offsets of the blocks in bytes, the offset of each
row's values, and the number of blocks and of rows, as little-endian 64-bit words. In a block the
eight bytes of all values stand plane by plane before zstd: of the sorted hashes of one document
the high bytes rise, all others are random and stay as they are. So a value takes 7.2 bytes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import zstandard

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.shard import BATCH_BYTES
from dolma_pipe.work import atomic_write, read_range, size_of

BLOCK = 1 << 16
"""Values that are read at once."""


def write_sets(path: Path, rows: I64, sets: Iterable[U64], documents: int) -> int:
    """sets: of these rows (ascending); all other rows have none. Returns how many values."""
    sizes = np.zeros(documents, np.int64)
    starts, held, words = [0], np.empty(0, np.uint64), 0
    with atomic_write(path) as file:
        pending: list[U64] = []
        for row, values in zip(rows.tolist(), sets, strict=True):
            sizes[row] = len(values)
            pending.append(values)
            words += len(values)
            if words >= BLOCK:
                held = np.concatenate([held, *pending])
                whole = len(held) // BLOCK * BLOCK
                starts += _write_blocks(file, held[:whole], starts[-1])
                held, pending, words = held[whole:], [], len(held) - whole
        starts += _write_blocks(file, np.concatenate([held, *pending]), starts[-1])
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        footer = np.concatenate([starts, offsets, [len(starts) - 1, documents]])
        file.write(footer.astype("<i8").data)
    return int(offsets[-1])


def read_stored(path: Path, rows: I64) -> Iterator[list[U64]]:
    """The sets of these rows (ascending), some megabytes at a time."""
    starts, offsets = _read_footer(path)
    number, block = -1, np.empty(0, np.uint64)
    held: list[U64] = []
    size = 0
    for row in rows.tolist():
        first, end = int(offsets[row]), int(offsets[row + 1])
        pieces = [np.empty(0, np.uint64)]
        for wanted in range(first // BLOCK, -(-end // BLOCK)):
            if wanted != number:
                number, block = wanted, _read_block(path, starts, wanted)
            base = wanted * BLOCK
            pieces.append(block[max(first - base, 0) : end - base])
        held.append(np.concatenate(pieces))
        size += 8 * (end - first)
        if size >= BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _write_blocks(file: IO[bytes], values: U64, start: int) -> list[int]:
    """Where each block ends."""
    ends = []
    for first in range(0, len(values), BLOCK):
        planes = values[first : first + BLOCK].astype("<u8").view(np.uint8).reshape(-1, 8).T
        start += file.write(zstandard.compress(np.ascontiguousarray(planes).data, 1))
        ends.append(start)
    return ends


def _read_block(path: Path, starts: I64, number: int) -> U64:
    encoded = read_range(path, int(starts[number]), int(starts[number + 1] - starts[number]))
    planes = np.frombuffer(zstandard.decompress(encoded), np.uint8).reshape(8, -1)
    values: U64 = np.ascontiguousarray(planes.T).view("<u8").ravel().astype(np.uint64, copy=False)
    return values


def _read_footer(path: Path) -> tuple[I64, I64]:
    size = size_of(path)
    blocks, rows = np.frombuffer(read_range(path, size - 16, 16), "<i8").tolist()
    length = 8 * (blocks + rows + 2)
    words = np.frombuffer(read_range(path, size - 16 - length, length), "<i8").astype(np.int64)
    return words[: blocks + 1], words[blocks + 1 :]
