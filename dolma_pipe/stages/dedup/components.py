"""Components: documents joined by shared keys, in one task; each goes to one partition."""

from itertools import pairwise
from typing import Any

import numpy as np

from dolma_pipe.kernels.components import join, pack, partition_of
from dolma_pipe.stages.dedup.cells import write_cells
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
    candidates, components, largest, partitions = pack(
        parents, members, args["documents_a_partition"]
    )
    borders = list(pairwise(plan.firsts.tolist()))
    sizes = np.array([3 * np.count_nonzero(members[a:b]) for a, b in borders], np.int64)
    tables = (partition_of(parents, members, a, b) for a, b in borders)
    write_cells(plan.path("candidates.cells"), sizes, tables)
    return {
        "candidate_documents": candidates,
        "components": components,
        "largest_component": largest,
        "partitions": partitions,
    }
