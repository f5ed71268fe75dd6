"""Decisions: which document goes, in favour of which; written by whoever decides, gathered for
groups of shards, read by shard."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U64
from dolma_pipe.stages.dedup.cells import read_cell, read_cells, read_cells_of_all, write_grouped
from dolma_pipe.stages.dedup.kept_ids import write_kept_ids
from dolma_pipe.stages.dedup.plan import Plan, load

EXAMPLES = 10
"""Biggest clusters that a report shows, and how many of their copies."""
COPIES = 3


NOBODY = np.uint64(0xFFFFFFFFFFFFFFFF)
"""The kept document of one that went for its own sake: lines seen elsewhere, contamination."""


class Decisions(NamedTuple):
    """removed, kept, component: dense document numbers, uint64[decisions]; NOBODY is kept for some.

    similarity: float64[decisions], to the kept one, NaN where unknown. A component is named by its
    first document. Those that went for the same document stand in survivor order.
    """

    removed: U64
    kept: U64
    similarity: F64
    component: U64

    def some(self, rows: slice) -> "Decisions":
        """Those of these places."""
        return Decisions(
            self.removed[rows], self.kept[rows], self.similarity[rows], self.component[rows]
        )


class Placed(NamedTuple):
    """Decisions with the place of each document in its cluster, and how large that is.

    ranks, sizes: uint64[decisions]. The kept document has rank 0 and counts; without one both are
    0.
    """

    decisions: Decisions
    ranks: U64
    sizes: U64


class Heads(NamedTuple):
    """documents, sizes: uint64[clusters]; documents that others went for, and of how many."""

    documents: U64
    sizes: U64


NO_DECISIONS = Decisions(
    np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0), np.empty(0, np.uint64)
)


def write_decisions(plan: Plan, part: int, decisions: Decisions) -> dict[str, Any]:
    """Write decisions/<part>.cells and kept/<part>.cells: a cell a shard of the removed, the kept.

    Records of (removed, kept, bits of similarity, component, rank, size), and of (kept, removed).
    Returns what the report wants to know: clusters (a kept document and those that went for it),
    their sizes, and the biggest. All of a cluster is decided in one part.
    """
    shards = len(plan.shards)
    heads, which, copies = np.unique(decisions.kept, return_inverse=True, return_counts=True)
    sizes, ranks = copies[which] + 1, _places(which, copies)
    alone = decisions.kept == NOBODY
    sizes[alone], ranks[alone] = 0, 0
    bits = decisions.similarity.view(np.uint64)
    table = [decisions.removed, decisions.kept, bits, decisions.component, ranks, sizes]
    write_grouped(
        plan.path(f"decisions/{part}.cells"),
        plan.shard_of(decisions.removed),
        np.stack([column.astype(np.uint64) for column in table], axis=1),
        shards,
    )
    heads, copies = heads[heads != NOBODY], copies[heads != NOBODY]
    pairs = np.stack([decisions.kept, decisions.removed], axis=1)[~alone]
    write_grouped(plan.path(f"kept/{part}.cells"), plan.shard_of(pairs[:, 0]), pairs, shards)
    biggest = np.lexsort((heads, -copies))[:EXAMPLES]
    return {
        "clusters": len(heads),
        "cluster_sizes": _histogram(copies + 1),
        "biggest": [_example(decisions, int(heads[i]), int(copies[i]) + 1) for i in biggest],
    }


def _places(groups: I64, counts: I64) -> I64:
    """The place of each element among those of its group, from 1."""
    order = np.argsort(groups, kind="stable")
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return places


def gather_group(args: dict[str, Any]) -> None:
    """Task: in-order/<group>.decisions.cells and .heads.cells, a cell a shard, from all parts.

    In the order of documents; and kept-ids/<group>.cells (kept_ids.py). args: decided, the number
    of parts.
    """
    plan, group = load(args["plan"]), args["part"]
    first, end = plan.groups[group]
    table = _of_all_parts(plan, "decisions", group, args["decided"], 6)
    table = table[np.argsort(table[:, 0])]
    shards = plan.shard_of(table[:, 0]) - first
    write_grouped(plan.path(f"in-order/{group}.decisions.cells"), shards, table, end - first)
    pairs = _of_all_parts(plan, "kept", group, args["decided"], 2)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    documents, copies = np.unique(pairs[:, 0], return_counts=True)
    heads = np.stack([documents, (copies + 1).astype(np.uint64)], axis=1)
    shards = plan.shard_of(documents) - first
    write_grouped(plan.path(f"in-order/{group}.heads.cells"), shards, heads, end - first)
    if plan.entry.action == "remove":
        write_kept_ids(plan, group, pairs)


def _of_all_parts(plan: Plan, what: str, group: int, parts: int, width: int) -> U64:
    paths = [plan.path(f"{what}/{part}.cells") for part in range(parts)]
    cells = read_cells_of_all(paths, *plan.groups[group])
    return np.concatenate([np.empty(0, np.uint64), *cells]).reshape(-1, width)


def read_decisions(plan: Plan, shard: int) -> Placed:
    """All decisions on documents of one shard, in the order of the documents."""
    return _placed(_gathered(plan, shard, "decisions").reshape(-1, 6))


def read_group_decisions(plan: Plan, group: int) -> Placed:
    """All decisions on documents of the shards of a group, in their order."""
    first, end = plan.groups[group]
    path = plan.path(f"in-order/{group}.decisions.cells")
    return _placed(read_cells(path, 0, end - first).reshape(-1, 6))


def _placed(table: U64) -> Placed:
    removed, kept, bits, component, ranks, sizes = np.ascontiguousarray(table.T)
    return Placed(Decisions(removed, kept, bits.view(np.float64), component), ranks, sizes)


def read_heads(plan: Plan, shard: int) -> Heads:
    """Documents of one shard that others went for, in their order."""
    documents, sizes = np.ascontiguousarray(_gathered(plan, shard, "heads").reshape(-1, 2).T)
    return Heads(documents, sizes)


def _gathered(plan: Plan, shard: int, what: str) -> U64:
    [group] = plan.group_of(np.array([shard])).tolist()
    first, _ = plan.groups[group]
    return read_cell(plan.path(f"in-order/{group}.{what}.cells"), shard - first)


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
        {"document": int(decisions.removed[r]), "similarity": _known(decisions.similarity[r])}
        for r in rows
    ]
    return {"size": size, "kept": kept, "copies": copies}


def _known(similarity: float) -> float | None:
    return None if np.isnan(similarity) else round(float(similarity), 6)
