"""Placing: components that are stars go to partitions of the decision, whole, in their order.

measure          a task a range of documents: sizes of the components that begin there
count_stretches  a task a range: how many partitions begin there
spread           a task a range: documents with component and partition, to the groups of shards
gather_table     a task a group: candidates/<group>.cells

A partition takes what begins in the next stretch of so many documents of components, as in
kernels/components.py:pack. The driver adds up a few numbers a range. Memory of a task: a table of
its documents.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.candidates import write_candidates
from dolma_pipe.stages.dedup.cells import read_cell, write_cells
from dolma_pipe.stages.dedup.found import total
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.record_blocks import RecordBlocks, pieces, read_blocks


def place_components(
    steps: Steps, plan: Plan, width: int, blocks: Sequence[int], nodes: int
) -> dict[str, int]:
    """As components.connect, from what rounds.settle wrote.

    width: documents of a range; blocks: the number of files of each part, as many as ranges.
    """
    parts, ranges = len(blocks), {"width": width, "blocks": blocks}
    measured = steps.over_parts("placing:measure", parts, **ranges)
    before = list(accumulate((one["candidate_documents"] for one in measured), initial=0))
    order = {"before": before, "nodes": nodes}
    counted = steps.over_parts("placing:count_stretches", parts, **order)
    firsts, partitions = _first_partitions(counted)
    spread = steps.over_parts("placing:spread", parts, firsts=firsts, **order, **ranges)
    steps.over_parts(
        "placing:gather_table", len(plan.groups), blocks=[one["blocks"] for one in spread]
    )
    return {
        **total(measured, ("candidate_documents", "components")),
        "largest_component": max(one["largest_component"] for one in measured),
        "partitions": partitions,
    }


def _first_partitions(counted: Sequence[dict[str, int]]) -> tuple[list[int], int]:
    """The partition of the first component of each range, and how many partitions there are."""
    firsts, partitions, last = [], 0, -1
    for one in counted:
        shared = one["stretches"] > 0 and one["first"] == last
        firsts.append(partitions - shared)
        partitions += one["stretches"] - shared
        last = max(last, one["last"])
    return firsts, partitions


def measure(args: dict[str, Any]) -> dict[str, int]:
    """Task: sizes/<range>.cells, one cell of (component, documents). args: width; blocks."""
    plan, part, width = load(args["plan"]), args["part"], args["width"]
    others = np.zeros(width, np.int64)
    for some in read_blocks(plan, "settled", args["blocks"], part, 2):
        np.add.at(others, some[:, 0] - part * width, 1)
    components = np.flatnonzero(others)
    sizes = others[components] + 1
    table = np.stack([components + part * width, sizes], axis=1).view(np.uint64)
    write_cells(plan.path(f"sizes/{part}.cells"), np.array([table.size]), [table])
    return {
        "candidate_documents": int(sizes.sum()),
        "components": len(sizes),
        "largest_component": int(sizes.max(initial=0)),
    }


def _stretches(args: dict[str, Any]) -> tuple[I64, I64]:
    """Components of a range, and the stretch in which each begins.

    args: nodes, documents of a stretch; before, documents of components before each range.
    """
    path = load(args["plan"]).path(f"sizes/{args['part']}.cells")
    components, sizes = read_cell(path, 0).view(np.int64).reshape(-1, 2).T
    return components, (args["before"][args["part"]] + np.cumsum(sizes) - sizes) // args["nodes"]


def count_stretches(args: dict[str, Any]) -> dict[str, int]:
    """Task: the first and the last stretch of a range, and how many. args: as for _stretches."""
    stretches = np.unique(_stretches(args)[1])
    return {
        "stretches": len(stretches),
        "first": int(stretches.min(initial=np.iinfo(np.int64).max)),
        "last": int(stretches.max(initial=-1)),
    }


def spread(args: dict[str, Any]) -> dict[str, int]:
    """Task: spread/<range>.<block>.cells, a cell a group of shards of (document, component,
    partition).

    args: as for measure and _stretches; firsts, the partition of the first stretch of each range.
    """
    plan, part, width = load(args["plan"]), args["part"], args["width"]
    components, stretches = _stretches(args)
    partitions = np.zeros(width, np.int64)
    new = np.diff(stretches, prepend=stretches[:1]) != 0
    partitions[components - part * width] = args["firsts"][part] + np.cumsum(new)
    blocks = RecordBlocks(plan, "spread", part, len(plan.groups))

    def add(documents: I64, components: I64) -> None:
        groups = plan.group_of(plan.shard_of(documents.view(np.uint64)))
        blocks.add(groups, documents, components, partitions[components - part * width])

    for some in pieces(components):
        add(some, some)
    for some in read_blocks(plan, "settled", args["blocks"], part, 2):
        add(some[:, 1], some[:, 0])
    return {"blocks": blocks.flush()}


def gather_table(args: dict[str, Any]) -> None:
    """Task: candidates/<group>.cells. args: blocks, the number of files of each range."""
    plan, group = load(args["plan"]), args["part"]
    some = list(read_blocks(plan, "spread", args["blocks"], group, 3))
    table = np.concatenate([np.empty((0, 3), np.int64), *some])
    write_candidates(plan, group, table[np.argsort(table[:, 0])].view(np.uint64))
