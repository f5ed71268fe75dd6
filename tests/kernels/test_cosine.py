"""Cosines in whole numbers: against Python's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dolma_pipe.kernels.cosine import (
    add_members,
    decide_by_cosine,
    dot_product,
    join_similar,
    lengths_of,
    nearest,
)
from dolma_pipe.kernels.jit import F64, I16
from dolma_pipe.kernels.vectors import unit_vectors
from tests.slow import cosine as slow

directions = st.integers(1, 9).flatmap(
    lambda d: arrays(
        np.float64, st.tuples(st.integers(1, 12), st.just(d)), elements=st.integers(-3, 3)
    )
)
"""Few different ones, so that equal vectors and equal cosines are frequent."""


def there(vectors: F64) -> I16:
    units = unit_vectors(vectors)
    return units[units.any(axis=1)]


@given(directions)
def test_unit_vectors(vectors: F64) -> None:
    assert unit_vectors(vectors).tolist() == [slow.unit_vector(v) for v in vectors.tolist()]


def test_the_largest_products_fit() -> None:
    for width in (1, 384, 4096):
        one = unit_vectors(np.ones((1, width)))[0]
        assert dot_product(one, one) == sum(x * x for x in one.tolist())
        assert lengths_of(one[None])[0] == np.sqrt(sum(x * x for x in one.tolist()))


@given(directions, st.integers(1, 4), st.integers(0, 9))
def test_nearest(vectors: F64, most: int, seed: int) -> None:
    units = unit_vectors(vectors)
    centroids = units[np.random.default_rng(seed).permutation(len(units))]
    found = np.zeros((len(units), min(most, len(units))), np.int32)
    nearest(units, centroids, found)
    products = units.astype(np.int64) @ centroids.astype(np.int64).T
    expected = np.argsort(-products, axis=1, kind="stable")[:, :most]
    assert found.tolist() == expected.tolist()


@given(directions, st.integers(1, 3))
def test_add_members(vectors: F64, clusters: int) -> None:
    units = unit_vectors(vectors)
    cluster = (np.arange(len(units)) % clusters).astype(np.int32)
    sums = np.zeros((clusters, units.shape[1]), np.int64)
    add_members(units, cluster, sums)
    expected = [units[cluster == c].astype(np.int64).sum(axis=0).tolist() for c in range(clusters)]
    assert sums.tolist() == expected


@given(directions, st.sampled_from([0.3, 0.5, 0.8, 0.95, 0.999999]), st.integers(0, 9))
def test_decide_by_cosine(vectors: F64, threshold: float, seed: int) -> None:
    unordered = there(vectors)
    order = np.random.default_rng(seed).permutation(len(unordered))
    units = unordered[order]
    half = len(units) // 2
    verdicts = decide_by_cosine(unordered, order, np.array([0, half, len(units)]), threshold)
    found = [
        None if kept < 0 else (kept, similarity)
        for kept, similarity in zip(
            verdicts.kept_by.tolist(), verdicts.similarity.tolist(), strict=True
        )
    ]
    second = slow.greedy(units[half:].tolist(), threshold)
    expected = slow.greedy(units[:half].tolist(), threshold)
    expected += [one and (one[0] + half, one[1]) for one in second]
    assert found == expected


@given(directions, st.sampled_from([0.3, 0.5, 0.8, 0.95, 0.999999]))
def test_join_similar(vectors: F64, threshold: float) -> None:
    units = there(vectors)
    parents = np.arange(len(units))
    join_similar(units, lengths_of(units), np.arange(len(units)), threshold, parents)
    roots = []
    for i in range(len(units)):
        while parents[i] != i:
            i = parents[i]
        roots.append(int(i))
    component = list(range(len(units)))
    for i in range(len(units)):
        for j in range(i):
            if slow.cosine(units[i].tolist(), units[j].tolist()) >= threshold:
                gone = max(component[i], component[j])
                stays = min(component[i], component[j])
                component = [stays if c == gone else c for c in component]
    assert roots == component


def test_a_cosine_at_the_threshold_counts() -> None:
    """4 / 5 exactly; vectors of 3 and 4 fifths have whole numbers only in multiples of 5."""
    vectors: I16 = np.array([[5000, 0], [4000, 3000]], np.int16)
    for threshold, gone in ((0.8, 1), (0.800001, 0)):
        verdicts = decide_by_cosine(vectors, np.arange(2), np.array([0, 2]), threshold)
        assert int((verdicts.kept_by >= 0).sum()) == gone
        assert verdicts.compared == 1


def test_more_vectors_than_a_tile_has() -> None:
    """Two chains whose every link is needed, in any order."""
    angles = np.arange(500) * 0.01 + np.where(np.arange(500) < 200, 0, 0.5)
    units = unit_vectors(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    order = np.random.default_rng(5).permutation(500)
    parents = np.arange(500)
    shuffled = units[order]
    join_similar(shuffled, lengths_of(shuffled), np.arange(500), np.cos(0.0101), parents)
    while (parents[parents] != parents).any():
        parents = parents[parents]
    assert len(set(parents[order < 200].tolist())) == 1
    assert len(set(parents.tolist())) == 2
