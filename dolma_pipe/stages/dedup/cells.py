"""A file of numbered cells of uint64, any of which is read with two ranged reads.

Layout, little-endian 64-bit: the number of cells, the offset of each cell and of the end in words,
then the words.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.work import atomic_write


def write_cells(path: Path, sizes: I64, parts: Iterable[U64]) -> None:
    """sizes: int64[cells], words in each. parts: the words of all cells in order, cut anywhere."""
    header = np.zeros(len(sizes) + 2, np.uint64)
    header[0] = len(sizes)
    header[2:] = np.cumsum(sizes)
    with atomic_write(path, durable=False) as file:
        file.write(header.data)
        for part in parts:
            file.write(np.ascontiguousarray(part).data)


def write_grouped(path: Path, cells: I64, records: U64, count: int) -> None:
    """Write records (uint64[records, width]) into `count` cells, in their order within each."""
    small = np.uint16 if count <= 1 << 16 else np.int64  # which numpy sorts by their digits
    order = np.argsort(cells.astype(small), kind="stable")
    sizes = np.bincount(cells, minlength=count).astype(np.int64) * records.shape[1]
    write_cells(path, sizes, [records[order]])


def read_cell(path: Path, cell: int) -> U64:
    """The words of one cell."""
    return read_cells(path, cell, cell + 1)


def read_cells(path: Path, first: int, end: int) -> U64:
    """The words of consecutive cells."""
    with path.open("rb") as file:
        count = int(np.fromfile(file, np.uint64, 1)[0])
        file.seek(8 * (1 + first))
        borders = np.fromfile(file, np.uint64, end - first + 1)
        file.seek(8 * (2 + count + int(borders[0])))
        return np.fromfile(file, np.uint64, int(borders[-1] - borders[0]))


def read_all_cells(path: Path) -> U64:
    """The words of all cells, in their order."""
    words = np.fromfile(path, np.uint64)
    return words[2 + int(words[0]) :]
