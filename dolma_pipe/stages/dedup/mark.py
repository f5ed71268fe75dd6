"""Mark: what an entry removed from one shard, and the ids of the documents that decisions name."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.decisions import Decisions, read_decisions, read_kept
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import atomic_write


def mark_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task: removed/<shard>.u8 and names/<shard>.parquet (document, id). args: parts."""
    plan, shard = load(args["plan"]), args["part"]
    decisions = read_decisions(plan, shard, args["parts"])
    key, first = plan.shards[shard].key, np.uint64(plan.firsts[shard])
    removed = plan.removed(shard)
    removed[(decisions.removed - first).astype(np.int64)] = plan.number
    with atomic_write(plan.path(f"removed/{key}.u8"), durable=False) as file:
        file.write(removed.data)
    named = np.union1d(decisions.removed, read_kept(plan, shard, args["parts"]))
    _write_names(plan, shard, named)
    return {"removed": _by_kept_source(plan, shard, decisions)}


def _write_names(plan: Plan, shard: int, named: U64) -> None:
    key, first = plan.shards[shard].key, np.uint64(plan.firsts[shard])
    ids = pa.chunked_array([pa.array([], pa.large_string())])
    if len(named):
        column = pq.read_table(plan.work.columns(key), columns=["id"]).column("id")
        ids = column.cast(pa.large_string()).take(pa.array((named - first).astype(np.int64)))
    with atomic_write(plan.path(f"names/{key}.parquet"), durable=False) as file:
        pq.write_table(pa.table({"document": pa.array(named), "id": ids}), file)


def _by_kept_source(plan: Plan, shard: int, decisions: Decisions) -> dict[str, list[int]]:
    """Documents and bytes removed from this shard, by the source of the document that stayed."""
    lengths = plan.lengths(shard)
    rows = (decisions.removed - np.uint64(plan.firsts[shard])).astype(np.int64)
    documents, size = Counter[str](), Counter[str]()
    shards, which = np.unique(plan.shard_of(decisions.kept), return_inverse=True)
    for i, kept_shard in enumerate(shards.tolist()):
        source = plan.shards[kept_shard].source
        documents[source] += int((which == i).sum())
        size[source] += int(lengths[rows[which == i]].sum())
    return {source: [documents[source], size[source]] for source in sorted(documents)}
