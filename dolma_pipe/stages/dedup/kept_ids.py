"""Ids of kept documents, brought to the documents that went for them: from group to group.

kept-ids/<group>.arrow has a record batch a group of shards: (removed, id), the id of the document
of `group` for which a document of that group went.
"""

import numpy as np
import pyarrow as pa

from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.ids import read_ids
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.work import atomic_write

SCHEMA = pa.schema([("removed", pa.uint64()), ("id", pa.large_string())])


def write_kept_ids(plan: Plan, group: int, pairs: U64) -> None:
    """pairs: (kept, removed), ordered; all kept documents are of this group."""
    borders = np.searchsorted(pairs[:, 0], plan.firsts.astype(np.uint64))
    ids = [pa.array([], pa.large_string())]
    for shard in range(*plan.groups[group]):
        kept = pairs[borders[shard] : borders[shard + 1], 0]
        ids.append(read_ids(plan, shard, (kept - np.uint64(plan.firsts[shard])).astype(np.int64)))
    of_kept = pa.concat_arrays(ids)
    target = plan.group_of(plan.shard_of(pairs[:, 1]))
    order = np.argsort(target, kind="stable")
    ends = np.searchsorted(target[order], np.arange(len(plan.groups)), side="right").tolist()
    path = plan.path(f"kept-ids/{group}.arrow")
    with atomic_write(path, durable=False) as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for first, end in zip([0, *ends], ends, strict=False):
            some = order[first:end]
            columns = [pa.array(pairs[some, 1]), of_kept.take(pa.array(some))]
            writer.write_batch(pa.record_batch(columns, schema=SCHEMA))


def read_kept_ids(plan: Plan, group: int, removed: U64) -> pa.Array:
    """large_string[removed]: null for one that went for no other. removed: all of the group."""
    tables = [SCHEMA.empty_table()]
    for of_kept in range(len(plan.groups)):
        with pa.OSFile(str(plan.path(f"kept-ids/{of_kept}.arrow"))) as file:
            batch = pa.ipc.open_file(file).get_batch(group)
            tables.append(pa.Table.from_batches([batch]))
    found = pa.concat_tables(tables).combine_chunks()
    known = found.column("removed").to_numpy()
    order = np.argsort(known)
    places = np.searchsorted(known, removed, sorter=order)
    places = np.minimum(places, max(0, len(known) - 1))
    missing = np.ones(len(removed), np.bool_)
    if len(known):
        places = order[places]
        missing = known[places] != removed
    ids = found.column("id").combine_chunks()
    return ids.take(pa.array(places, mask=missing))
