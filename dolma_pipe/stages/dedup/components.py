"""Components: documents joined by shared keys; each goes to one partition of the decision.

By union-find in one task where that fits its memory, else in rounds (rounds.py): the same files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dolma_pipe.kernels.components import join, pack, partition_of
from dolma_pipe.stages.dedup.candidates import read_edges, write_candidates
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.rounds import connect_in_rounds

DOCUMENT = 9
"""Bytes a document of the corpus in union-find."""


def connect(steps: Steps, plan: Plan, edges: Sequence[int], nodes: int) -> dict[str, int]:
    """Write candidates/<group>.cells; counts of candidates, components and partitions.

    edges: how many are in each file of edges. nodes: candidates that a partition of the decision
    takes: those of the components whose first document comes within so many documents of
    components, in the order of their first documents. A component is never split.
    """
    if DOCUMENT * int(plan.firsts[-1]) > plan.components_bytes:
        return connect_in_rounds(steps, plan, edges, nodes)
    found: list[dict[str, int]] = steps.over_parts(
        "components:find_components", 1, edge_parts=len(edges), nodes=nodes
    )
    return found[0]


def find_components(args: dict[str, Any]) -> dict[str, int]:
    """Task: all of it by union-find. args: edge_parts, nodes. Memory: DOCUMENT a document."""
    plan = load(args["plan"])
    total = int(plan.firsts[-1])
    parents, members = np.arange(total, dtype=np.int64), np.zeros(total, np.uint8)
    for edges in read_edges(plan, range(args["edge_parts"])):
        join(parents, members, edges)
    candidates, components, largest, partitions = pack(parents, members, args["nodes"])
    for group, (first, end) in enumerate(plan.groups):
        borders = plan.firsts[first].item(), plan.firsts[end].item()
        write_candidates(plan, group, partition_of(parents, members, *borders))
    return {
        "candidate_documents": candidates,
        "components": components,
        "largest_component": largest,
        "partitions": partitions,
    }
