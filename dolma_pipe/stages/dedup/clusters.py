"""Clusters of unit vectors: spherical k-means in whole numbers, the same on every machine.

Source: Dhillon and Modha 2001; for deduplication Abbas et al. 2023.
"""

import numpy as np

from dolma_pipe.kernels.cosine import add_members, join_similar, lengths_of, nearest
from dolma_pipe.kernels.jit import I16, I32, I64
from dolma_pipe.kernels.vectors import unit_vectors
from dolma_pipe.stages.keyed import keyed

DOCUMENTS = 4000
"""In a cluster, where the recipe does not say how many clusters."""

SAMPLE = 64
"""Vectors a cluster that centroids are found from."""

ROUNDS = 10
MOST = 1 << 14
"""Clusters at most, and so 2 ** 20 vectors in the sample."""

BY_CHANCE = 0x9E3779B97F4A7C15
"""The key of the order that samples are taken in."""

LARGE = 1 << 14
"""A cluster of more distinct vectors is itself divided."""


def clusters_for(documents: int) -> int:
    """How many clusters for so many documents."""
    return min(MOST, max(1, documents // DOCUMENTS))


def find_centroids(sample: I16, clusters: int) -> I16:
    """int16[at most clusters, d]. sample: int16[n, d], in an order that is as good as random."""
    firsts, _ = distinct(sample)
    sample = sample[np.sort(firsts)]
    centroids = sample[:clusters].copy()
    before: I32 = np.full((len(sample), 1), -1, np.int32)
    for _ in range(ROUNDS):
        cluster = nearest_of(sample, centroids, 1)
        if (cluster == before).all():
            break
        sums = np.zeros(centroids.shape, np.int64)
        add_members(sample, cluster[:, 0], sums)
        moved = unit_vectors(sums.astype(np.float64))
        there = moved.any(axis=1)  # an empty cluster stays where it is
        centroids[there] = moved[there]
        before = cluster
    return centroids


def nearest_of(vectors: I16, centroids: I16, probes: int) -> I32:
    """int32[n, at most probes]: the nearest centroids of each vector, the nearest first."""
    found: I32 = np.zeros((len(vectors), min(probes, len(centroids))), np.int32)
    nearest(np.ascontiguousarray(vectors), centroids, found)
    return found


def distinct(vectors: I16) -> tuple[I64, I64]:
    """Where each distinct vector comes first, and for every vector which of those it is."""
    rows = np.ascontiguousarray(vectors).view(f"V{2 * vectors.shape[1]}").ravel()
    _, firsts, which = np.unique(rows, return_index=True, return_inverse=True)
    return firsts, which


def join_in_cluster(vectors: I16, threshold: float, probes: int) -> tuple[I64, int]:
    """int64[n]: for each vector the first that a chain of pairs of the threshold joins it with.

    Also how many pairs were compared. Equal vectors are compared as one; a large cluster is divided
    by k-means once more, so that its time grows with n ** 1.5 and not n ** 2.
    """
    firsts, which = distinct(vectors)
    order = np.argsort(firsts)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    alone = np.ascontiguousarray(vectors[firsts[order]])
    parents, lengths = np.arange(len(alone)), lengths_of(alone)
    compared = sum(
        join_similar(alone, lengths, members, threshold, parents)
        for members in _divided(alone, probes)
    )
    while (parents[parents] != parents).any():
        parents = parents[parents]
    return firsts[order][parents[place[which]]], compared


def _divided(vectors: I16, probes: int) -> list[I64]:
    """Places of the vectors to compare with each other."""
    if len(vectors) <= LARGE:
        return [np.arange(len(vectors))]
    clusters = clusters_for(len(vectors))
    sample = vectors[np.argsort(keyed(np.arange(len(vectors), dtype=np.uint64), BY_CHANCE))]
    found = nearest_of(vectors, find_centroids(sample[: SAMPLE * clusters], clusters), probes)
    return [np.flatnonzero((found == cluster).any(axis=1)) for cluster in range(clusters)]
