"""Shuffle: the keys of one shard, without what is removed, ordered by band and partition."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dolma_pipe.entries import Exact
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.cells import write_cells, write_grouped
from dolma_pipe.stages.dedup.plan import load

COUNTS = ("compared_documents", "left_out_documents", "compared_bytes")
"""What shuffle_shard returns. Left out are live documents that have no key: blank, or too short."""


def shuffle_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: shuffled/<shard>.cells, a cell a band and partition. args: partitions.

    exact: records of (hash high, hash low, rank, document); others: records of (key, document).
    """
    plan, shard, partitions = load(args["plan"]), args["part"], args["partitions"]
    path = plan.path(f"shuffled/{plan.shards[shard].key}.cells")
    keys, live = plan.keys(shard), plan.removed(shard) == 0
    documents = np.flatnonzero(live & (keys != 0).any(axis=0))
    numbers = documents.astype(np.uint64) + np.uint64(plan.firsts[shard])
    if isinstance(plan.entry, Exact):
        high, low = keys[0][documents], keys[1][documents]
        records = np.stack([high, low, plan.ranks(shard)[documents], numbers], axis=1)
        write_grouped(path, partition_of(high, partitions), records, partitions)
    else:
        sizes = [_band_sizes(band, documents, partitions) for band in keys]
        write_cells(path, np.concatenate(sizes), _bands(keys, documents, numbers, partitions))
    return {
        "compared_documents": len(documents),
        "left_out_documents": int(live.sum()) - len(documents),
        "compared_bytes": int(plan.lengths(shard)[documents].sum()),
    }


def partition_of(keys: U64, partitions: int) -> I64:
    """Equal stretches of the space of well-mixed 64-bit keys."""
    return ((keys >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.int64)


def _band_sizes(band: U64, documents: I64, partitions: int) -> I64:
    counts = np.bincount(partition_of(band[documents], partitions), minlength=partitions)
    return counts.astype(np.int64) * 2


def _bands(keys: U64, documents: I64, numbers: U64, partitions: int) -> Iterator[U64]:
    """One band after the other, so that only one is held."""
    for band in keys:
        order = np.argsort(partition_of(band[documents], partitions), kind="stable")
        yield np.stack([band[documents][order], numbers[order]], axis=1)
