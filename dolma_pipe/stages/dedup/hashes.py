"""Files of ascending hashes, of which any stretch of the hash space is read by itself: a cell for
each of CELLS equal stretches of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.cells import read_placed_of_all, write_cells
from dolma_pipe.work import here

CELL_BITS = 12
"""So the borders take 32 KB a file; a part of 1/4096 of all hashes reads up to thrice its own."""

CELLS = 1 << CELL_BITS


def write_hashes(path: Path, hashes: U64) -> None:
    """hashes: uint64[n], ascending."""
    firsts = np.arange(CELLS, dtype=np.uint64) << np.uint64(64 - CELL_BITS)
    write_cells(path, np.diff(np.searchsorted(hashes, firsts), append=len(hashes)), [hashes])


def read_stretches(paths: Iterable[Path], first: int, end: int) -> Iterator[tuple[int, U64]]:
    """Of each of many files, in their order, the hashes from `first` on, below `end` (2 ** 64 for
    all), and how many are before them."""
    shift = 64 - CELL_BITS
    for place, hashes in read_placed_of_all(paths, first >> shift, -(-end >> shift)):
        start = int(np.searchsorted(hashes, np.uint64(first)))
        stop = len(hashes) if end >> 64 else int(np.searchsorted(hashes, np.uint64(end)))
        yield place - (CELLS + 1) + start, hashes[start:stop]


def map_hashes(path: Path) -> U64:
    """All of a file that has some, mapped and not read."""
    return np.asarray(np.memmap(here(path), np.uint64, "r", 8 * (CELLS + 1)))
