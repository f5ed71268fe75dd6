"""Near: documents whose fingerprints are within a radius; all steps of a SimHash entry.

shuffle     a task a shard: (fingerprint, document) into a cell a block table and key prefix
group       a task a cell: edges between fingerprints within the radius
components  as for MinHash
gather      a task a shard: fingerprints of the candidates, a cell a partition of components
decide      a task a partition: greedily, a document goes only for a kept one within the radius
"""

from collections import Counter
from functools import partial
from typing import Any

import numpy as np

from dolma_pipe.entries import SimHash
from dolma_pipe.kernels.hamming import decide_components, join_near
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.blocks import BITS, tables_for
from dolma_pipe.stages.dedup.candidates import read_table
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_cells, write_grouped
from dolma_pipe.stages.dedup.components import connect
from dolma_pipe.stages.dedup.decisions import Decisions, write_decisions
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.group import cell_of_all, runs
from dolma_pipe.stages.dedup.late import sign_if_late
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.shuffle import COUNTS, partition_of
from dolma_pipe.work import atomic_write

RECORD = 16
"""Bytes a document and table in the shuffle."""

DECIDING = 128
"""Bytes a candidate that the decision holds."""

SPREAD = np.uint64(0x9E3779B97F4A7C15)


def find_near(steps: Steps, plan: Plan) -> Found:
    """All steps, up to the decisions."""
    assert isinstance(plan.entry, SimHash)
    sign_if_late(steps, plan)
    tables = tables_for(plan.entry.radius)
    partitions, shards = plan.partitions(RECORD), plan.taking_part()
    shuffled = steps.over_shards("near:shuffle_fingerprints", shards, partitions=partitions)
    edges = steps.over_parts(
        "near:group_near", len(tables.masks) * partitions, partitions=partitions
    )
    documents = max(1, plan.partition_bytes // DECIDING)
    components = connect(steps, plan, [one["edges"] for one in edges], documents)
    parts = components.pop("partitions")
    decided: list[dict[str, Any]] = []
    if parts:
        steps.over_shards("near:gather_fingerprints", shards, partitions=parts)
        decided = steps.over_parts("near:decide_near", parts)
    distances = Counter[str]()
    for part in decided:
        distances.update(part["distances"])
    counts = {
        "blocks": tables.blocks,
        "tables": len(tables.masks),
        "key_bits": tables.key_bits,
        **total(shuffled, COUNTS),
        **components,
        "distances": dict(sorted(distances.items())),
    }
    return Found(counts, decided)


def shuffle_fingerprints(args: dict[str, Any]) -> dict[str, int]:
    """Task: shuffled/<shard>.cells, a cell a table and partition of (fingerprint, document).

    args: partitions.
    """
    plan, shard, partitions = load(args["plan"]), args["part"], args["partitions"]
    [fingerprints] = plan.keys(shard)
    live = plan.removed(shard) == 0
    documents = np.flatnonzero(live & (fingerprints != 0))
    numbers = documents.astype(np.uint64) + np.uint64(plan.firsts[shard])
    records = np.stack([fingerprints[documents], numbers], axis=1)
    cells = partial(_cells, records[:, 0], partitions=partitions)
    sizes = [2 * np.bincount(cells(mask), minlength=partitions) for mask in _masks(plan)]
    ordered = (records[np.argsort(cells(mask), kind="stable")] for mask in _masks(plan))
    path = plan.path(f"shuffled/{plan.shards[shard].key}.cells")
    write_cells(path, np.concatenate(sizes).astype(np.int64), ordered)
    return {
        "compared_documents": len(documents),
        "left_out_documents": int(live.sum()) - len(documents),
        "compared_bytes": int(plan.lengths(shard)[documents].sum()),
    }


def _masks(plan: Plan) -> tuple[int, ...]:
    assert isinstance(plan.entry, SimHash)
    return tables_for(plan.entry.radius).masks


def _cells(fingerprints: U64, mask: int, partitions: int) -> I64:
    """The partition of each fingerprint in one table; keys need not be well mixed."""
    keys = (fingerprints & np.uint64(mask)) * SPREAD
    return partition_of(keys ^ keys >> np.uint64(32), partitions)


def group_near(args: dict[str, Any]) -> dict[str, int]:
    """Task: edges/<part>.u64, (document, document). args: partitions.

    Equal fingerprints are joined in the first table, all to the first of them, which alone meets
    others.
    """
    plan, part = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, SimHash)
    table = part // args["partitions"]
    fingerprints, documents = cell_of_all(plan, part, 2).T
    keys = fingerprints & np.uint64(_masks(plan)[table])
    order = np.lexsort((documents, fingerprints, keys))
    fingerprints, documents, keys = fingerprints[order], documents[order], keys[order]
    firsts, copies = runs(fingerprints[1:] != fingerprints[:-1], len(order))
    edges = [np.empty((0, 2), np.uint64)]
    if table == 0:
        ends = np.stack([np.repeat(documents[firsts], copies), documents], axis=1)
        edges.append(ends[ends[:, 0] != ends[:, 1]])
    fingerprints, documents, keys = fingerprints[firsts], documents[firsts], keys[firsts]
    starts, sizes = runs(keys[1:] != keys[:-1], len(keys))
    near = join_near(fingerprints, starts, starts + sizes, plan.entry.radius)
    edges.append(documents[near])
    joined = np.concatenate(edges)
    with atomic_write(plan.path(f"edges/{part}.u64"), durable=False) as file:
        file.write(np.ascontiguousarray(joined).data)
    return {"edges": len(joined)}


def gather_fingerprints(args: dict[str, Any]) -> None:
    """Task: gathered/<shard>.cells, a cell a partition of (document, component, rank, fingerprint).

    args: partitions.
    """
    plan, shard = load(args["plan"]), args["part"]
    table = read_table(plan, shard)
    rows = (table[:, 0] - np.uint64(plan.firsts[shard])).astype(np.int64)
    [fingerprints], ranks = plan.keys(shard), plan.ranks(shard)
    records = np.stack([table[:, 0], table[:, 1], ranks[rows], fingerprints[rows]], axis=1)
    path = plan.path(f"gathered/{plan.shards[shard].key}.cells")
    write_grouped(path, table[:, 2].astype(np.int64), records, args["partitions"])


def decide_near(args: dict[str, Any]) -> dict[str, Any]:
    """Task: decisions/<part>.cells. Returns how many went at each distance, too."""
    plan, part = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, SimHash)
    names = [plan.shards[shard].key for shard in plan.taking_part()]
    paths = (plan.path(f"gathered/{name}.cells") for name in names)
    cells = list(read_cell_of_all(paths, part))
    documents, components, ranks, fingerprints = np.concatenate(cells).reshape(-1, 4).T
    order = plan.survivor_order(documents, ranks, components)
    documents, components, fingerprints = documents[order], components[order], fingerprints[order]
    starts, sizes = runs(components[1:] != components[:-1], len(order))
    kept_by, apart = decide_components(fingerprints, starts, starts + sizes, plan.entry.radius)
    gone = kept_by >= 0
    decisions = Decisions(
        documents[gone], documents[kept_by[gone]], 1.0 - apart[gone] / BITS, components[gone]
    )
    distances = {str(d): int(n) for d, n in enumerate(np.bincount(apart[gone])) if n}
    return {"distances": distances, **write_decisions(plan, part, decisions)}
