"""Candidates: documents that share a key with another, each with its component and partition.

candidates/<group>.cells, a cell a shard of the group, with records of (document, component,
partition) in the order of the documents. A component is named by its first document.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.cells import read_cell, write_grouped
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.work import all_here


def read_edges(plan: Plan, parts: Iterable[int]) -> Iterator[I64]:
    """int64[edges, 2] of each of these parts: two documents that share a key, never a document with
    itself."""
    for path in all_here(plan.path(f"edges/{part}.u64") for part in parts):
        yield np.fromfile(path, np.int64).reshape(-1, 2)


def write_candidates(plan: Plan, group: int, table: U64) -> None:
    """table: uint64[candidates, 3], all of the shards of a group, in their order."""
    first, end = plan.groups[group]
    path = plan.path(f"candidates/{group}.cells")
    write_grouped(path, plan.shard_of(table[:, 0]) - first, table, end - first)


def read_table(plan: Plan, shard: int) -> U64:
    """uint64[candidates, 3] of one shard."""
    [group] = plan.group_of(np.array([shard])).tolist()
    first, _ = plan.groups[group]
    return read_cell(plan.path(f"candidates/{group}.cells"), shard - first).reshape(-1, 3)
