"""Shuffle: the keys of one shard, without what is removed, ordered by band and partition."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dolma_pipe.entries import Exact
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.cells import write_cells, write_grouped
from dolma_pipe.stages.dedup.plan import Plan, load


def shuffle_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: shuffled/<shard>.cells, a cell a band and partition.

    exact: records of (hash high, hash low, rank, document); minhash: records of (key, document).
    """
    plan, shard = load(args["plan"]), args["part"]
    path = plan.path(f"shuffled/{plan.shards[shard].key}.cells")
    keys, live = plan.keys(shard), plan.removed(shard) == 0
    documents = np.flatnonzero(live & (keys != 0).any(axis=0))
    numbers = documents.astype(np.uint64) + np.uint64(plan.firsts[shard])
    if isinstance(plan.entry, Exact):
        high, low = keys[0][documents], keys[1][documents]
        records = np.stack([high, low, plan.ranks(shard)[documents], numbers], axis=1)
        write_grouped(path, partition_of(high, plan.partitions), records, plan.partitions)
    else:
        sizes = [_band_sizes(band, documents, plan) for band in keys]
        write_cells(path, np.concatenate(sizes), _bands(keys, documents, numbers, plan))
    lengths = plan.lengths(shard)
    return {
        "documents": int(live.sum()),
        "bytes": int(lengths[live].sum()),
        "hashed": len(documents),
    }


def partition_of(keys: U64, partitions: int) -> I64:
    """Equal stretches of the space of well-mixed 64-bit keys."""
    return ((keys >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.int64)


def _band_sizes(band: U64, documents: I64, plan: Plan) -> I64:
    counts = np.bincount(partition_of(band[documents], plan.partitions), minlength=plan.partitions)
    return counts.astype(np.int64) * 2


def _bands(keys: U64, documents: I64, numbers: U64, plan: Plan) -> Iterator[U64]:
    """One band after the other, so that only one is held."""
    for band in keys:
        order = np.argsort(partition_of(band[documents], plan.partitions), kind="stable")
        yield np.stack([band[documents][order], numbers[order]], axis=1)
