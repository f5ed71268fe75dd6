"""Collect: one pass over a curated shard; shingle sets of its candidates, ordered by partition."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.candidates import read_table
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_cells
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.stages.dedup.sets import read_sets
from dolma_pipe.stages.dedup.spool import Spool

BLOCK_WORDS = 8 << 20
"""Shingles (8 bytes each) that a task holds before it writes a block."""

HELD_WORDS = 32 << 20
"""Shingles of a partition that are held in memory; of a larger one they are mapped."""


class Candidates(NamedTuple):
    """Documents that share a key with another, each with the set that decides.

    documents, components, ranks: uint64[candidates]; offsets: int64[candidates + 1], of values.

    values: uint64, sorted and distinct within a document. Empty sets where the entry does not
    verify.
    """

    documents: U64
    components: U64
    ranks: U64
    offsets: I64
    values: U64


def collect_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: sets/<shard>.<block>.cells, a cell a partition. args: partitions; threshold.

    A cell: the number of candidates n, then n records of (document, component, rank, members),
    then the members. With a threshold of 0 the sets are empty.
    """
    plan, shard = load(args["plan"]), args["part"]
    table = read_table(plan, shard)
    if not len(table):
        return {"blocks": 0}
    blocks = _Blocks(plan, shard, args["partitions"])
    if not args["threshold"]:
        blocks.add(table, [np.empty(0, np.uint64)] * len(table))
    else:
        rows = (table[:, 0] - np.uint64(plan.firsts[shard])).astype(np.int64)
        done = 0
        for sets in read_sets(plan, shard, rows):  # in the order of the file, a batch at a time
            blocks.add(table[done : done + len(sets)], sets)
            done += len(sets)
    return {"blocks": blocks.flush()}


class _Blocks:
    """Candidates on their way into files."""

    def __init__(self, plan: Plan, shard: int, partitions: int) -> None:
        self._plan = plan
        self._shard = shard
        self._ranks = plan.ranks(shard)
        self._partitions = partitions
        self._tables: list[U64] = []
        self._sets: list[U64] = []
        self._words = 0
        self._written = 0

    def add(self, table: U64, sets: list[U64]) -> None:
        """table: as from read_table."""
        self._tables.append(table)
        self._sets += sets
        self._words += sum(map(len, sets))
        if self._words >= BLOCK_WORDS:
            self.flush()

    def flush(self) -> int:
        """Write what is held; returns how many blocks there are now."""
        if self._sets:
            table = np.concatenate(self._tables)
            parts = [self._cell(table, partition) for partition in range(self._partitions)]
            key = self._plan.shards[self._shard].key
            path = self._plan.path(f"sets/{key}.{self._written}.cells")
            write_cells(path, np.array([len(part) for part in parts], np.int64), parts)
            self._tables, self._sets, self._words = [], [], 0
            self._written += 1
        return self._written

    def _cell(self, table: U64, partition: int) -> U64:
        chosen = np.flatnonzero(table[:, 2] == np.uint64(partition))
        documents = table[chosen, 0]
        rows = documents - np.uint64(self._plan.firsts[self._shard])
        sets = [self._sets[i] for i in chosen.tolist()]
        sizes = np.array([len(one) for one in sets], np.uint64)
        columns = [documents, table[chosen, 1], self._ranks[rows.astype(np.int64)], sizes]
        head = np.array([len(chosen)], np.uint64)
        return np.concatenate([head, np.stack(columns, axis=1).ravel(), *sets])


def read_candidates(plan: Plan, partition: int, blocks: list[int]) -> Candidates:
    """All candidates of one partition; blocks: how many each shard that takes part has.

    Where their sets are large they are mapped from a file, so that a component of any size does
    not take the memory that its documents need.
    """
    tables = [np.empty((0, 4), np.uint64)]
    with Spool(plan.path("gathered"), HELD_WORDS) as gathered:
        paths = (
            plan.path(f"sets/{plan.shards[shard].key}.{block}.cells")
            for shard, count in zip(plan.taking_part(), blocks, strict=True)
            for block in range(count)
        )
        for cell in read_cell_of_all(paths, partition):
            end = 1 + 4 * int(cell[0])
            tables.append(cell[1:end].reshape(-1, 4))
            gathered.add(cell[end:])
        values = gathered.all()
    documents, components, ranks, sizes = np.concatenate(tables).T
    offsets = np.concatenate([[0], np.cumsum(sizes.astype(np.int64))])
    return Candidates(documents, components, ranks, offsets, values)
