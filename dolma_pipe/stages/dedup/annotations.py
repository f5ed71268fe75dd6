"""Annotations: what an entry says of documents that it leaves alone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.cuts import Cuts
from dolma_pipe.kernels.jit import I64, U64, Bool
from dolma_pipe.stages.dedup.decisions import NOBODY, Heads, Placed
from dolma_pipe.stages.dedup.ids import read_ids
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.work import atomic_write, here

STRETCHES = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))
ANNOTATIONS = pa.schema(
    [
        ("entry", pa.int32()),
        ("method", pa.string()),
        ("row", pa.int64()),
        ("id", pa.large_string()),
        ("verdict", pa.string()),
        ("cluster", pa.uint64()),
        ("size", pa.int64()),
        ("rank", pa.int64()),
        ("similarity", pa.float64()),
        ("stretches", STRETCHES),
    ]
)
"""A row a document of which the entry has something to say; row is that of the curated file.

verdict: "first" of a cluster, "copy", or "cut" where only stretches (bytes of the text as the
entry found it) would go. cluster names the first of the cluster: index of its shard << 32 | row;
rank is the place in survivor order, 0 for the first; both are null for one that would go without
regard to another document.
"""


def write_annotations(plan: Plan, shard: int, placed: Placed, heads: Heads, cuts: Cuts) -> None:
    """annotations/<shard>.parquet of one entry."""
    decisions, first = placed.decisions, np.uint64(plan.firsts[shard])
    cut = np.flatnonzero(np.diff(cuts.offsets)).astype(np.uint64) + first
    documents = np.concatenate([heads.documents, decisions.removed, cut])
    clusters = np.concatenate([heads.documents, decisions.kept, np.full(len(cut), NOBODY)])
    counts = len(heads.documents), len(decisions.removed), len(cut)
    sizes = np.concatenate([heads.sizes, placed.sizes, np.zeros(len(cut), np.uint64)])
    ranks = np.concatenate([np.zeros(counts[0]), placed.ranks, np.zeros(counts[2])])
    nan = [np.full(count, np.nan) for count in counts]
    similarity = np.concatenate([nan[0], decisions.similarity, nan[2]])
    verdicts = np.repeat(["first", "copy", "cut"], counts)
    order = np.lexsort((np.repeat([0, 1, 2], counts), documents))
    documents, clusters, similarity = documents[order], clusters[order], similarity[order]
    rows = (documents - first).astype(np.int64)
    alone = clusters == NOBODY
    table = pa.table(
        [
            pa.array(np.full(len(order), plan.number, np.int32)),
            pa.array([plan.entry.method] * len(order), pa.string()),
            pa.array(rows),
            read_ids(plan, shard, rows),
            pa.array(verdicts[order].tolist(), pa.string()),
            pa.array(located(plan, np.where(alone, 0, clusters)), mask=alone),
            pa.array(sizes[order].astype(np.int64), mask=alone),
            pa.array(ranks[order].astype(np.int64), mask=alone),
            pa.array(np.round(similarity, 6), mask=np.isnan(similarity)),
            _stretches(cuts, rows, verdicts[order] == "cut"),
        ],
        schema=ANNOTATIONS,
    )
    with atomic_write(_path(plan, shard), durable=False) as file:
        pq.write_table(table, file)


def publish_annotations(plans: list[Plan], shard: int) -> None:
    """dedup/annotations/<shard>.parquet: those of all entries that annotate, in their order."""
    tables = [pq.read_table(here(_path(plan, shard))) for plan in plans]
    with atomic_write(plans[0].work.annotations(plans[0].shards[shard].key)) as file:
        pq.write_table(pa.concat_tables(tables), file)


def located(plan: Plan, documents: U64) -> U64:
    """Index of the shard << 32 | row."""
    shards = plan.shard_of(documents)
    rows = documents - plan.firsts[shards].astype(np.uint64)
    return shards.astype(np.uint64) << np.uint64(32) | rows


def _path(plan: Plan, shard: int) -> Path:
    return plan.path(f"annotations/{plan.shards[shard].key}.parquet")


def _stretches(cuts: Cuts, rows: I64, cut: Bool) -> pa.Array:
    listed = np.diff(cuts.offsets)[rows] * cut
    chosen = cuts.of(rows[cut])
    offsets = np.concatenate([[0], np.cumsum(listed)]).astype(np.int32)
    values = pa.StructArray.from_arrays(
        [pa.array(chosen.starts), pa.array(chosen.ends)], fields=list(STRETCHES.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=STRETCHES)
