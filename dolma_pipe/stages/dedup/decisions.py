"""Decisions: which document goes, in favour of which; written by whoever decides, read by shard."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U64
from dolma_pipe.stages.dedup.cells import read_cell, write_grouped
from dolma_pipe.stages.dedup.plan import Plan

EXAMPLES = 10
"""Biggest clusters that a report shows, and how many of their copies."""
COPIES = 3


class Decisions(NamedTuple):
    """removed, kept, component: dense document numbers, uint64[decisions].

    similarity: float64[decisions], their Jaccard, NaN where unknown. A component is named by its
    first document.
    """

    removed: U64
    kept: U64
    similarity: F64
    component: U64


NO_DECISIONS = Decisions(
    np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0), np.empty(0, np.uint64)
)


def write_decisions(plan: Plan, part: int, decisions: Decisions) -> dict[str, Any]:
    """Write decisions/<part>.cells and kept/<part>.cells: a cell a shard of the removed, the kept.

    Returns what the report wants to know: clusters (a kept document and those that went for it),
    their sizes, and the biggest. All of a cluster is decided in one part.
    """
    order = np.argsort(decisions.removed)
    removed, kept, similarity, component = decisions
    ordered = Decisions(removed[order], kept[order], similarity[order], component[order])
    bits = ordered.similarity.view(np.uint64)
    table = np.stack([ordered.removed, ordered.kept, bits, ordered.component], axis=1)
    shards = len(plan.shards)
    write_grouped(
        plan.path(f"decisions/{part}.cells"), plan.shard_of(ordered.removed), table, shards
    )
    heads, copies = np.unique(ordered.kept, return_counts=True)
    write_grouped(plan.path(f"kept/{part}.cells"), plan.shard_of(heads), heads[:, None], shards)
    biggest = np.lexsort((heads, -copies))[:EXAMPLES]
    return {
        "clusters": len(heads),
        "cluster_sizes": _histogram(copies + 1),
        "biggest": [_example(ordered, int(heads[i]), int(copies[i]) + 1) for i in biggest],
    }


def read_decisions(plan: Plan, shard: int, parts: int) -> Decisions:
    """All decisions on documents of one shard, in the order of the documents."""
    cells = [read_cell(plan.path(f"decisions/{part}.cells"), shard) for part in range(parts)]
    table = np.concatenate([np.empty(0, np.uint64), *cells]).reshape(-1, 4)
    table = table[np.argsort(table[:, 0])]
    removed, kept, bits, component = np.ascontiguousarray(table.T)
    return Decisions(removed, kept, bits.view(np.float64), component)


def read_kept(plan: Plan, shard: int, parts: int) -> U64:
    """Documents of one shard that others went for."""
    cells = [read_cell(plan.path(f"kept/{part}.cells"), shard) for part in range(parts)]
    return np.sort(np.concatenate([np.empty(0, np.uint64), *cells]))


def _histogram(sizes: I64) -> dict[str, int]:
    """Clusters by size: 2, 3-4, 5-8, 9-16 and so on."""
    tops, counts = np.unique(np.ceil(np.log2(sizes)).astype(np.int64), return_counts=True)
    return {
        ("2" if top == 1 else f"{(1 << (top - 1)) + 1}-{1 << top}"): count
        for top, count in zip(tops.tolist(), counts.tolist(), strict=True)
    }


def _example(decisions: Decisions, kept: int, size: int) -> dict[str, Any]:
    rows = np.flatnonzero(decisions.kept == np.uint64(kept))[:COPIES]
    copies = [
        {"document": int(decisions.removed[r]), "jaccard": _known(decisions.similarity[r])}
        for r in rows
    ]
    return {"size": size, "kept": kept, "copies": copies}


def _known(similarity: float) -> float | None:
    return None if np.isnan(similarity) else round(float(similarity), 6)
