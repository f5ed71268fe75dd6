"""Components: documents joined by shared keys, in one task; each goes to one partition."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.components import join, roots_of
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.cells import write_grouped
from dolma_pipe.stages.dedup.plan import load


def find_components(args: dict[str, Any]) -> dict[str, int]:
    """Task: candidates.cells, a cell a shard with records of (document, component, partition).

    args: edge_parts, the files to read; documents_a_partition, how many candidates a partition of
    the decision takes (a component is never split). Memory: 9 bytes a document of the corpus.
    """
    plan = load(args["plan"])
    total = int(plan.firsts[-1])
    parents, members = np.arange(total, dtype=np.int64), np.zeros(total, np.uint8)
    for part in range(args["edge_parts"]):
        join(parents, members, np.fromfile(plan.path(f"edges/{part}.u64"), np.int64).reshape(-1, 2))
    candidates = np.flatnonzero(members)
    components, component_of, sizes = np.unique(
        roots_of(parents, candidates), return_inverse=True, return_counts=True
    )
    partition = _partitions(sizes, args["documents_a_partition"])
    columns = [candidates, components[component_of], partition[component_of]]
    table = np.stack([column.astype(np.uint64) for column in columns], axis=1)
    write_grouped(
        plan.path("candidates.cells"), plan.shard_of(table[:, 0]), table, len(plan.shards)
    )
    return {
        "candidate_documents": len(candidates),
        "components": len(components),
        "largest_component": int(sizes.max(initial=0)),
        "partitions": int(partition.max(initial=-1)) + 1,
    }


def _partitions(sizes: I64, documents: int) -> I64:
    """Consecutive components together; the partition of each."""
    before = np.cumsum(sizes) - sizes
    partition: I64 = np.unique(before // documents, return_inverse=True)[1]
    return partition
