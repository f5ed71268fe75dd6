"""A file of numbered cells of uint64, any of which is read with two ranged reads.

Layout, little-endian 64-bit: where each cell begins and the last one ends, in words of the file,
then the words.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.ahead import ahead
from dolma_pipe.work import atomic_write, here, is_remote, read_range


def write_cells(path: Path, sizes: I64, parts: Iterable[U64]) -> None:
    """sizes: int64[cells], words in each. parts: the words of all cells in order, cut anywhere."""
    header = np.full(len(sizes) + 1, len(sizes) + 1, np.uint64)
    header[1:] += np.cumsum(sizes).astype(np.uint64)
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
    return read_placed(path, first, end)[1]


def read_cell_of_all(paths: Iterable[Path], cell: int) -> Iterator[U64]:
    """The words of one cell of each of many files, in their order."""
    return ahead(lambda path: read_cell(path, cell), paths)


def read_placed(path: Path, first: int, end: int) -> tuple[int, U64]:
    """The words of consecutive cells, and the place in the file where they begin, in words."""
    if is_remote(path):
        borders = _fetched(path, first, end - first + 1)
        return int(borders[0]), _fetched(path, int(borders[0]), int(borders[-1] - borders[0]))
    with path.open("rb") as file:
        file.seek(8 * first)
        borders = np.fromfile(file, np.uint64, end - first + 1)
        file.seek(8 * int(borders[0]))
        return int(borders[0]), np.fromfile(file, np.uint64, int(borders[-1] - borders[0]))


def read_all_cells(path: Path) -> U64:
    """The words of all cells, in their order."""
    words = np.fromfile(here(path), np.uint64)
    return words[int(words[0]) :]


def _fetched(path: Path, first: int, count: int) -> U64:
    return np.frombuffer(bytearray(read_range(path, 8 * first, 8 * count)), np.uint64)
