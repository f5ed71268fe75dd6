"""What deduplication removed, found by document: its table is read once, not once a document."""

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dolma_pipe.kernels.jit import U32
from dolma_pipe.work import Work, here

REMEMBERED = 1 << 26
"""Rows of which is remembered whom they are about, 8 bytes each; others are read each time."""
GROUPS_HELD = 2
"""Row groups, some 20 MB each: neighbours in a shard were removed next to each other."""

Place = tuple[str, int]
"""Key of a shard, and row in its curated file."""


class Removed:
    """dedup/removed.parquet as it was when it was first asked."""

    def __init__(self, work: Work) -> None:
        self._path = work.dedup / "removed.parquet"
        self._held: OrderedDict[int, pa.Table] = OrderedDict()

    def about(self, place: Place) -> Iterator[dict[str, Any]]:
        """Rows in which this document was removed, or stayed for another, in their order."""
        key = np.uint32((_number(place[0]) + place[1]) % 2**32)
        for group in range(self._file.num_row_groups):
            removed, kept = self._about[group] if group < len(self._about) else self._keys(group)
            hits = np.flatnonzero((removed == key) | (kept == key))
            if len(hits):
                for row in self._rows(group).take(pa.array(hits)).to_pylist():
                    ends = (
                        (row["removed_shard"], row["removed_row"]),
                        (row["kept_shard"], row["kept_row"]),
                    )
                    if place in ends:
                        yield row

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(here(self._path))

    @cached_property
    def _about(self) -> list[tuple[U32, U32]]:
        """Of each row group its keys; of a very large table not of the last ones."""
        found, rows = [], 0
        for group in range(self._file.num_row_groups):
            rows += self._file.metadata.row_group(group).num_rows
            if rows > REMEMBERED:
                break
            found.append(self._keys(group))
        return found

    def _keys(self, group: int) -> tuple[U32, U32]:
        """Of who was removed and who stayed: nearly unique, and the same for the same document."""
        names = [f"{who}_{what}" for who in ("removed", "kept") for what in ("shard", "row")]
        table = self._file.read_row_group(group, columns=names)
        columns = [table.column(name).combine_chunks() for name in names]
        return _keys(columns[0], columns[1]), _keys(columns[2], columns[3])

    def _rows(self, group: int) -> pa.Table:
        if group not in self._held:
            self._held[group] = self._file.read_row_group(group)
            while len(self._held) > GROUPS_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(group)
        return self._held[group]


def _keys(shards: pa.DictionaryArray, rows: pa.Array) -> U32:
    first = np.array([*map(_number, shards.dictionary.to_pylist()), 0], np.uint32)
    nobody = len(first) - 1
    of: U32 = first[shards.indices.fill_null(nobody).to_numpy(zero_copy_only=False)]
    of += rows.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint32)
    return of


def _number(shard: str) -> int:
    return xxhash.xxh32_intdigest(shard.encode())
