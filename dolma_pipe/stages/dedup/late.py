"""Sign late: keys of an entry that sees other texts than curation left, or only live documents."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.kernels.jit import F64
from dolma_pipe.stages.dedup.keys import key_columns, keys_of
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.sign import keys_path, ranks_path, write_words
from dolma_pipe.stages.dedup.survivors import survivor_ranks
from dolma_pipe.work import here


def sign_if_late(steps: Steps, plan: Plan) -> None:
    """The keys and ranks of every shard that takes part, unless curation has made them."""
    if plan.late:
        steps.over_shards("late:sign_shard", plan.taking_part())


def sign_shard(args: dict[str, Any]) -> None:
    """Task: signatures/<shard>.<entry>.keys.u64 and .ranks.u64; 0 for documents that are gone."""
    plan, shard = load(args["plan"]), args["part"]
    keys = np.zeros((plan.shards[shard].documents, key_columns(plan.entry)), np.uint64)
    for texts in read_live(plan, shard):
        keys[texts.rows] = keys_of(plan.entry, texts.text, texts.offsets)
    write_words(keys_path(plan.signatures(shard), plan.number), keys.T)
    write_ranks(plan, shard)


def write_ranks(plan: Plan, shard: int) -> None:
    """Survivor order of all documents of a shard, from the columns that curation wrote."""
    if plan.entry.policy == "first":
        return
    named = [plan.entry.column] if plan.entry.column else []
    path = here(plan.work.columns(plan.shards[shard].key))
    there = [name for name in ("created", *named) if name in pq.read_schema(path).names]
    table = pq.read_table(path, columns=there)
    columns: dict[str, F64] = {
        name: table.column(name).cast(pa.float64()).to_numpy() for name in named if name in there
    }
    created = table.column("created") if "created" in there else pa.nulls(len(table), pa.string())
    ranks = survivor_ranks(plan.entry, plan.lengths(shard), created, columns)
    assert ranks is not None  # the policy is not `first`
    write_words(ranks_path(plan.signatures(shard), plan.number), [ranks])
