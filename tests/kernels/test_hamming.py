"""Fingerprints within a radius: against all pairs, however alike they are, and without a square."""

import random
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import UserError
from dolma_pipe.kernels import hamming
from dolma_pipe.kernels.hamming import decide_components, distance, join_near, patterns_within
from dolma_pipe.kernels.jit import I64, U64
from tests.slow import simhash as slow

numbers = st.integers(0, (1 << 64) - 1)


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Fingerprints a few bits from some roots; 0 and all ones are among them."""
    roots = draw(st.lists(st.one_of(numbers, st.sampled_from([0, (1 << 64) - 1])), min_size=1))
    flips = st.lists(st.integers(0, 63), max_size=5)
    grown = draw(st.lists(st.tuples(st.sampled_from(roots), flips), min_size=1, max_size=100))
    return [root ^ sum(1 << b for b in set(bits)) for root, bits in grown]


def subspace(bits: int, count: int) -> list[int]:
    """Distinct fingerprints that vary in some bits only: so many patterns that lookups pay."""
    chance = random.Random(bits)
    return [n << 20 | 5 for n in chance.sample(range(1 << bits), count)]


def array(fingerprints: list[int]) -> U64:
    return np.array(fingerprints, np.uint64)


def decide(fingerprints: list[int], radius: int) -> tuple[list[int], list[int]]:
    ends = np.array([len(fingerprints)])
    kept_by, apart = decide_components(array(fingerprints), ends * 0, ends, radius)
    return kept_by.tolist(), apart.tolist()


def names(count: int, edges: I64) -> list[int]:
    found = list(range(count))
    for one, other in edges.tolist():
        both = {found[one], found[other]}
        found = [min(both) if name in both else name for name in found]
    return found


@given(numbers, numbers)
def test_distance(one: int, other: int) -> None:
    assert distance(np.uint64(one), np.uint64(other)) == slow.distance(one, other)


@settings(max_examples=200, deadline=None)
@given(families(), st.integers(0, 6))
def test_the_decision_equals_the_greedy_pass_over_all_pairs(
    fingerprints: list[int], radius: int
) -> None:
    kept_by, apart = decide(fingerprints, radius)
    assert kept_by == slow.greedy(fingerprints, radius)
    for d, kept in enumerate(kept_by):
        expected = slow.distance(fingerprints[d], fingerprints[kept]) if kept >= 0 else 0
        assert apart[d] == expected


@settings(max_examples=100, deadline=None)
@given(families(), st.integers(0, 6))
def test_edges_connect_what_all_pairs_connect(fingerprints: list[int], radius: int) -> None:
    distinct = sorted(set(fingerprints))
    edges = join_near(array(distinct), np.array([0]), np.array([len(distinct)]), radius)
    assert len(edges) < len(distinct)
    assert names(len(distinct), edges) == slow.components(distinct, radius)


@pytest.mark.parametrize(("bits", "count", "radius"), [(12, 1500, 1), (14, 1800, 2), (13, 2500, 2)])
def test_lookups_find_what_comparing_finds(
    bits: int, count: int, radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints = subspace(bits, count)
    assert len(patterns_within(array(fingerprints), radius))
    ends = np.array([count])
    by_lookup = decide(fingerprints, radius)
    edges = join_near(array(fingerprints), ends * 0, ends, radius)
    monkeypatch.setattr(hamming, "LOOKUP", 10**9)
    monkeypatch.setattr(hamming, "patterns_within", lambda *_: hamming.NO_PATTERNS)
    assert decide(fingerprints, radius) == by_lookup
    compared = join_near(array(fingerprints), ends * 0, ends, radius)
    assert names(count, compared) == names(count, edges)
    assert by_lookup[0] == slow.greedy(fingerprints, radius)


def test_buckets_do_not_meet() -> None:
    fingerprints = [1, 3, 2, 0, 4, 1 << 63]
    edges = join_near(array(fingerprints), np.array([0, 2, 5]), np.array([2, 5, 6]), 1)
    assert sorted(map(sorted, edges.tolist())) == [[0, 1], [2, 3], [3, 4]]


def test_patterns_are_all_changes_of_bits_that_vary() -> None:
    fingerprints = array(subspace(10, 1000))
    found = patterns_within(fingerprints, 2).tolist()
    bits = [1 << b for b in range(20, 30)]
    assert sorted(found) == sorted([0, *bits, *(a | b for a, b in combinations(bits, 2))])
    assert [f.bit_count() for f in found] == sorted(f.bit_count() for f in found)


@pytest.mark.parametrize("bits", [17, 30, 64])
def test_a_hundred_thousand_alike_take_no_square(bits: int) -> None:
    """5 * 10**9 comparisons would take half a minute and more; nothing here is timed."""
    rng = np.random.default_rng(bits)
    mask = np.uint64((1 << bits) - 1)
    walk = np.bitwise_xor.accumulate(
        np.uint64(1) << rng.integers(0, bits, 100_000).astype(np.uint64)
    )
    fingerprints = np.unique(walk & mask)
    rng.shuffle(fingerprints)
    ends = np.array([len(fingerprints)])
    edges = join_near(fingerprints, ends * 0, ends, 3) if bits < 64 else np.empty((ends[0] - 1, 2))
    assert len(edges) == len(fingerprints) - 1
    kept_by, apart = decide_components(fingerprints, ends * 0, ends, 3)
    gone = np.flatnonzero(kept_by >= 0)
    assert (kept_by[kept_by[gone]] == -1).all()
    assert apart.max() <= 3
    assert (np.bitwise_count(fingerprints[gone] ^ fingerprints[kept_by[gone]]) == apart[gone]).all()


@pytest.mark.parametrize("function", [join_near, decide_components])
def test_more_fingerprints_than_places_can_number_are_refused(function: Any) -> None:
    with pytest.raises(UserError, match="2,147,483,647 fingerprints hang together"):
        function(np.empty(0, np.uint64), np.array([0]), np.array([(1 << 31) - 1]), 3)
