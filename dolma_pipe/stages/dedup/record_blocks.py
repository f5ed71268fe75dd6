"""Record blocks: what a task sends to many, in as many files of cells as its memory asks for."""

from collections.abc import Iterator, Sequence

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_grouped
from dolma_pipe.stages.dedup.plan import Plan

PIECE = 1 << 18
"""Records that are looked at together."""


class RecordBlocks:
    """Writes <folder>/<part>.<block>.cells; holds half of partition_bytes, and as much to sort."""

    def __init__(self, plan: Plan, folder: str, part: int, cells: int) -> None:
        self._plan = plan
        self._name = f"{folder}/{part}"
        self._count = cells
        self._cells: list[I64] = []
        self._records: list[U64] = []
        self._bytes = 0
        self._written = 0

    def add(self, cells: I64, *columns: I64) -> None:
        """Records of these columns, and the cell that each goes to."""
        records = np.stack(columns, axis=1).view(np.uint64)
        self._cells.append(cells)
        self._records.append(records)
        self._bytes += records.nbytes
        if self._bytes > self._plan.partition_bytes // 2:
            self.flush()

    def flush(self) -> int:
        """Write what is held; the number of files up to now."""
        if self._bytes:
            path = self._plan.path(f"{self._name}.{self._written}.cells")
            cells, records = np.concatenate(self._cells), np.concatenate(self._records)
            self._cells, self._records, self._bytes = [], [], 0
            write_grouped(path, cells, records, self._count)
            self._written += 1
        return self._written


def read_blocks(
    plan: Plan, folder: str, blocks: Sequence[int], cell: int, width: int
) -> Iterator[I64]:
    """int64[records, width] of one cell of every file, in pieces; blocks: files of each part."""
    paths = (
        plan.path(f"{folder}/{part}.{block}.cells")
        for part, count in enumerate(blocks)
        for block in range(count)
    )
    for words in read_cell_of_all(paths, cell):
        yield from pieces(words.view(np.int64).reshape(-1, width))


def pieces(records: I64) -> Iterator[I64]:
    """PIECE of them at a time."""
    yield from (records[first : first + PIECE] for first in range(0, len(records), PIECE))
