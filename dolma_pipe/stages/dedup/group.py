"""Group: documents that share a key; a task a band and partition of the WHOLE corpus."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64, U64, Bool
from dolma_pipe.stages.dedup.cells import read_cell_of_all
from dolma_pipe.stages.dedup.decisions import NO_DECISIONS, Decisions, write_decisions
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import atomic_write


def group_equal(args: dict[str, Any]) -> dict[str, Any]:
    """Task of an exact entry: of equal hashes the first stays; decisions/<part>.cells."""
    plan, part = load(args["plan"]), args["part"]
    records = cell_of_all(plan, part, 4)
    records = records[shared(records[:, 0])]
    order = plan.survivor_order(records[:, 3], records[:, 2], records[:, 0], records[:, 1])
    records = records[order]
    starts, sizes = runs((records[1:, :2] != records[:-1, :2]).any(axis=1), len(records))
    decisions = NO_DECISIONS
    if len(records):
        kept = np.repeat(records[starts, 3], sizes)
        gone = np.ones(len(records), np.bool_)
        gone[starts] = False
        similarity = np.ones(int(gone.sum()))
        decisions = Decisions(records[gone, 3], kept[gone], similarity, kept[gone])
    groups = sizes[sizes > 1]
    return {
        "candidate_documents": int(groups.sum()),
        "candidate_pairs": int((groups * (groups - 1) // 2).sum()),
        **write_decisions(plan, part, decisions),
    }


def group_similar(args: dict[str, Any]) -> dict[str, int]:
    """Task of an entry with bands: edges from the first of a key to the rest; edges/<part>.u64."""
    plan, part = load(args["plan"]), args["part"]
    records = cell_of_all(plan, part, 2)
    records = records[shared(records[:, 0])]
    keys, documents = records[:, 0], records[:, 1]
    order = np.argsort(keys, kind="stable")  # documents come in their order
    keys, documents = keys[order], documents[order]
    starts, sizes = runs(keys[1:] != keys[:-1], len(keys))
    edges = np.empty((0, 2), np.uint64)
    if len(keys):
        other = np.ones(len(keys), np.bool_)
        other[starts] = False
        edges = np.stack([np.repeat(documents[starts], sizes)[other], documents[other]], axis=1)
    with atomic_write(plan.path(f"edges/{part}.u64"), durable=False) as file:
        file.write(np.ascontiguousarray(edges).data)
    return {"edges": len(edges), "shared_keys": int((sizes * (sizes - 1) // 2).sum())}


def cell_of_all(plan: Plan, part: int, width: int) -> U64:
    """uint64[records, width]: this part of every shard, in the order of the shards."""
    names = [plan.shards[shard].key for shard in plan.taking_part()]
    paths = (plan.path(f"shuffled/{name}.cells") for name in names)
    cells = list(read_cell_of_all(paths, part))
    records, end = np.empty(sum(map(len, cells)), np.uint64), 0
    for i, cell in enumerate(cells):
        records[end : end + len(cell)], cells[i] = cell, cell[:0].copy()  # never all twice
        end += len(cell)
    return records.reshape(-1, width)


def shared(keys: U64) -> I64:
    """Places of the keys that occur twice or more: few, so that little is left to sort by more."""
    order = np.argsort(keys)
    ordered = keys[order]
    equal = ordered[1:] == ordered[:-1]
    hit = np.zeros(len(keys), np.bool_)
    hit[1:] |= equal
    hit[:-1] |= equal
    return np.sort(order[hit])


def runs(changes: Bool, count: int) -> tuple[I64, I64]:
    """Where runs of equal keys start, and how long they are; changes: bool[count - 1]."""
    if count == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return starts, np.diff(np.append(starts, count))
