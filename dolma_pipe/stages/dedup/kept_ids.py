"""Ids of kept documents, brought to the documents that went for them: from group to group.

kept-ids/<group>.cells has a cell a group of shards: a record batch of (removed, id), the id of the
document of `group` for which a document of that group went; an empty cell where there is none.
"""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_cells
from dolma_pipe.stages.dedup.ids import read_ids
from dolma_pipe.stages.dedup.plan import Plan

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
    cells = [
        _encoded(pa.array(pairs[some, 1]), of_kept.take(pa.array(some)))
        for some in (order[first:end] for first, end in pairwise([0, *ends]))
    ]
    sizes = np.array([len(cell) for cell in cells], np.int64)
    write_cells(plan.path(f"kept-ids/{group}.cells"), sizes, cells)


def _encoded(removed: pa.Array, ids: pa.Array) -> U64:
    """As a message of Arrow, which fills whole words."""
    if not len(removed):
        return np.empty(0, np.uint64)
    batch = pa.record_batch([removed, ids], schema=SCHEMA)
    return np.frombuffer(batch.serialize(), np.uint64)


def read_kept_ids(plan: Plan, group: int, removed: U64) -> pa.Array:
    """large_string[removed]: null for one that went for no other. removed: all of the group."""
    paths = (plan.path(f"kept-ids/{of_kept}.cells") for of_kept in range(len(plan.groups)))
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(cell), SCHEMA)
        for cell in read_cell_of_all(paths, group)
        if len(cell)
    ]
    found = pa.Table.from_batches(batches, SCHEMA).combine_chunks()
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
