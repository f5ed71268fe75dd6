"""A file of numbered cells of uint64, any of which is read with two ranged reads.

Layout, little-endian 64-bit: where each cell begins and the last one ends, in words of the file,
then the words.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.work import ahead, atomic_write, here, is_remote, read_range


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
    return read_cells_of_all(paths, cell, cell + 1)


def read_cells_of_all(paths: Iterable[Path], first: int, end: int) -> Iterator[U64]:
    """The words of consecutive cells of each of many files, in their order."""
    return (words for _, words in read_placed_of_all(paths, first, end))


def read_placed_of_all(paths: Iterable[Path], first: int, end: int) -> Iterator[tuple[int, U64]]:
    """As read_placed, of each of many files in their order; objects are read ahead."""
    paths = list(paths)
    if not any(map(is_remote, paths)):
        return (read_placed(path, first, end) for path in paths)
    found = ahead(lambda path: _stretch(path, first, end), paths)
    return ahead(_read, found, size=lambda stretch: 8 * (stretch.end - stretch.start))


def read_placed(path: Path, first: int, end: int) -> tuple[int, U64]:
    """The words of consecutive cells, and the place in the file where they begin, in words."""
    if is_remote(path):
        return _read(_stretch(path, first, end))
    with path.open("rb") as file:
        file.seek(8 * first)
        borders = np.fromfile(file, np.uint64, end - first + 1)
        file.seek(8 * int(borders[0]))
        return int(borders[0]), np.fromfile(file, np.uint64, int(borders[-1] - borders[0]))


def read_all_cells(path: Path) -> U64:
    """The words of all cells, in their order."""
    words = np.fromfile(here(path), np.uint64)
    return words[int(words[0]) :]


class _Stretch(NamedTuple):
    """Words of an object."""

    path: Path
    start: int
    end: int


def _stretch(path: Path, first: int, end: int) -> _Stretch:
    borders = _fetched(path, first, end - first + 1)
    return _Stretch(path, int(borders[0]), int(borders[-1]))


def _read(stretch: _Stretch) -> tuple[int, U64]:
    return stretch.start, _fetched(stretch.path, stretch.start, stretch.end - stretch.start)


def _fetched(path: Path, first: int, count: int) -> U64:
    return np.frombuffer(bytearray(read_range(path, 8 * first, 8 * count)), np.uint64)
