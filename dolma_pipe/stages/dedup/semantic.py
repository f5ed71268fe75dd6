"""Semantic: embed, find clusters, join what is similar inside them, decide in components."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.entries import Semantic
from dolma_pipe.kernels.cosine import decide_by_cosine
from dolma_pipe.kernels.jit import I16, I32, I64, U64
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_cells
from dolma_pipe.stages.dedup.clusters import (
    BY_CHANCE,
    SAMPLE,
    clusters_for,
    find_centroids,
    join_in_cluster,
    nearest_of,
)
from dolma_pipe.stages.dedup.collect import read_candidates
from dolma_pipe.stages.dedup.components import connect
from dolma_pipe.stages.dedup.decisions import Decisions, write_decisions
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.group import cell_of_all, runs
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.shuffle import COUNTS
from dolma_pipe.stages.dedup.vectors import dimensions_of, read_vectors, words_of
from dolma_pipe.stages.keyed import keyed
from dolma_pipe.work import atomic_write, here

BLOCK = 4096
"""Vectors that a task looks at together."""


def find_alike(steps: Steps, plan: Plan) -> Found:
    """All steps of a semantic entry, up to its decisions."""
    entry, shards = plan.entry, plan.taking_part()
    assert isinstance(entry, Semantic)
    embedded = steps.over_shards("vectors:embed_shard", shards)
    counts = total(embedded, COUNTS)
    clusters = entry.clusters or clusters_for(counts["compared_documents"])
    share = min(1.0, SAMPLE * clusters / max(1, counts["compared_documents"]))
    steps.over_shards("semantic:sample_shard", shards, share=share)
    [found] = steps.over_parts("semantic:train", 1, clusters=clusters)
    words = 8 * -(-max((one["dimensions"] for one in embedded), default=0) // 4)
    record = 16 + words
    parts = max(1, min(found["centroids"], plan.partitions(record * entry.probes)))
    steps.over_shards("semantic:assign_shard", shards, partitions=parts)
    joined = steps.over_parts("semantic:join_clusters", parts)
    documents = max(1, plan.partition_bytes // record)
    components = connect(steps, plan, [one["edges"] for one in joined], documents)
    partitions = components.pop("partitions")
    decided: list[dict[str, Any]] = []
    if partitions:
        collected = steps.over_shards(
            "collect:collect_shard", shards, partitions=partitions, threshold=entry.cosine
        )
        blocks = [collect["blocks"] for collect in collected]
        decided = steps.over_parts("semantic:decide_partition", partitions, blocks=blocks)
    counts |= {"kmeans_clusters": found["centroids"], **components}
    counts["largest_kmeans_cluster"] = max((one["largest"] for one in joined), default=0)
    counts["joining_pairs"] = total(joined, ["compared"])["compared"]
    counts |= total(decided, ("compared_pairs", "verified_pairs"))
    return Found({"least_cosine": entry.cosine, **counts}, decided)


def sample_shard(args: dict[str, Any]) -> None:
    """Task: sample/<shard>.cells, a cell of places in the order by chance, one of vectors, as
    words. args: share of documents."""
    plan, shard = load(args["plan"]), args["part"]
    vectors = read_vectors(plan, shard)
    numbers = np.arange(len(vectors), dtype=np.uint64) + np.uint64(plan.firsts[shard])
    places = keyed(numbers, BY_CHANCE)
    chosen = np.flatnonzero(places.astype(np.float64) < args["share"] * 2.0**64)
    chosen = chosen[vectors[chosen].any(axis=1)]
    cells = [places[chosen], words_of(vectors[chosen]).ravel()]
    sizes = np.array([len(cell) for cell in cells], np.int64)
    write_cells(_sample(plan, shard), sizes, cells)


def train(args: dict[str, Any]) -> dict[str, int]:
    """Task: centroids.i16, from the sample of all documents. args: clusters."""
    plan = load(args["plan"])
    shards = plan.taking_part()
    if not shards:
        return {"centroids": 0}
    paths = [_sample(plan, shard) for shard in shards]
    places, words = (np.concatenate(list(read_cell_of_all(paths, cell))) for cell in (0, 1))
    dimensions = dimensions_of(plan, shards[0])
    padded = words.view(np.int16).reshape(len(places), 4 * -(-dimensions // 4))
    by_chance = np.argsort(places, kind="stable")
    centroids = find_centroids(padded[by_chance, :dimensions], args["clusters"])
    with atomic_write(plan.path("centroids.i16"), durable=False) as file:
        file.write(centroids.data)
    return {"centroids": len(centroids)}


def _sample(plan: Plan, shard: int) -> Path:
    return plan.path(f"sample/{plan.shards[shard].key}.cells")


def assign_shard(args: dict[str, Any]) -> None:
    """Task: shuffled/<shard>.cells, a cell a range of clusters. args: partitions.

    Records of (cluster, document, vector), one for each of the nearest clusters of a document.
    """
    plan, shard, partitions = load(args["plan"]), args["part"], args["partitions"]
    assert isinstance(plan.entry, Semantic)
    vectors = read_vectors(plan, shard)
    centroids = np.fromfile(here(plan.path("centroids.i16")), np.int16).reshape(
        -1, vectors.shape[1]
    )
    rows = np.flatnonzero(vectors.any(axis=1))
    blocks = [rows[first : first + BLOCK] for first in range(0, len(rows), BLOCK)]
    none: I32 = np.empty((0, min(plan.entry.probes, len(centroids))), np.int32)
    found = [nearest_of(vectors[block], centroids, plan.entry.probes) for block in blocks]
    clusters = np.concatenate([none, *found])
    cells = clusters.astype(np.int64) * partitions // max(1, len(centroids))
    order = np.argsort(cells.ravel(), kind="stable")
    width = 2 + words_of(vectors[:0]).shape[1]
    sizes = np.bincount(cells.ravel(), minlength=partitions).astype(np.int64) * width
    probes = max(1, clusters.shape[1])
    first = int(plan.firsts[shard])
    records = _records(vectors, rows[order // probes], clusters.ravel()[order], first)
    write_cells(plan.path(f"shuffled/{plan.shards[shard].key}.cells"), sizes, records)


def _records(vectors: I16, rows: I64, clusters: I32, first: int) -> Iterator[U64]:
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        head = np.stack([clusters[start : start + BLOCK], some + first], axis=1).astype(np.uint64)
        yield np.concatenate([head, words_of(vectors[some])], axis=1)


def join_clusters(args: dict[str, Any]) -> dict[str, int]:
    """Task: edges/<part>.u64, from the first of what is joined inside a cluster to the others."""
    plan, part = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Semantic)
    records = cell_of_all(plan, part, _width(plan))
    order = np.argsort(records[:, 0], kind="stable")  # documents come in their order
    starts, sizes = runs(np.diff(records[order, 0]) != 0, len(order))
    edges, compared = [np.empty((0, 2), np.uint64)], 0
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        members = order[start : start + size]
        vectors = np.ascontiguousarray(records[members, 2:]).view(np.int16)
        firsts, pairs = join_in_cluster(vectors, plan.entry.cosine, plan.entry.probes)
        other = np.flatnonzero(firsts != np.arange(size))
        documents = records[members, 1]
        edges.append(np.stack([documents[firsts[other]], documents[other]], axis=1))
        compared += pairs
    found = np.concatenate(edges)
    with atomic_write(plan.path(f"edges/{part}.u64"), durable=False) as file:
        file.write(found.data)
    return {"edges": len(found), "compared": compared, "largest": int(sizes.max(initial=0))}


def _width(plan: Plan) -> int:
    """Words of a record."""
    shards = plan.taking_part()
    return 2 + (-(-dimensions_of(plan, shards[0]) // 4) if shards else 0)


def decide_partition(args: dict[str, Any]) -> dict[str, Any]:
    """Task: decisions/<part>.cells. args: blocks, the number of files of each shard."""
    plan, part = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Semantic)
    candidates = read_candidates(plan, part, args["blocks"])
    order = plan.survivor_order(candidates.documents, candidates.ranks, candidates.components)
    documents, components = candidates.documents[order], candidates.components[order]
    vectors = candidates.values.reshape(len(order), -1).view(np.int16)  # mapped where they are many
    starts, _ = runs(np.diff(components) != 0, len(order))
    borders = np.append(starts, len(order))
    verdicts = decide_by_cosine(vectors, order, borders, plan.entry.cosine)
    gone = verdicts.kept_by >= 0
    kept = documents[verdicts.kept_by[gone]]
    decisions = Decisions(documents[gone], kept, verdicts.similarity[gone], components[gone])
    return {
        "compared_pairs": verdicts.compared,
        "verified_pairs": verdicts.similar,
        **write_decisions(plan, part, decisions),
    }
