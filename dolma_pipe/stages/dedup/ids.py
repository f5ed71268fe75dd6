"""Ids of documents, from what curation wrote or from an index."""

import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.dedup_index import IndexFiles
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.work import here


def read_ids(plan: Plan, shard: int, rows: I64) -> pa.Array:
    """large_string[rows]."""
    of = plan.shards[shard]
    if not len(rows):
        return pa.array([], pa.large_string())
    path = plan.work.columns(of.key) if of.index is None else IndexFiles(of.index).ids(of.key)
    column = pq.read_table(here(path), columns=["id"]).column("id")
    return column.cast(pa.large_string()).take(pa.array(rows)).combine_chunks()
