import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.jaccard import Verdicts, decide_greedily
from dolma_pipe.kernels.overlap import intersection_size
from tests.slow import dedup as slow

members = st.frozensets(st.integers(1, 40), min_size=1, max_size=25)


def decide(sets: list[frozenset[int]], threshold: float) -> Verdicts:
    ends = np.cumsum([len(one) for one in sets])
    values = np.concatenate([np.array(sorted(one), np.uint64) for one in sets])
    return decide_greedily(values, ends - [len(one) for one in sets], ends, threshold)


def as_shingles(sets: list[frozenset[int]]) -> list[slow.Shingles]:
    return [frozenset((str(member),) for member in one) for one in sets]


@settings(max_examples=100, deadline=None)
@given(members, members, st.integers(0, 26))
def test_intersection(one: frozenset[int], other: frozenset[int], least: int) -> None:
    a, b = (np.array(sorted(side), np.uint64) for side in (one, other))
    common = len(one & other)
    assert intersection_size(a, b, least) == (common if common >= least else -1)


@st.composite
def families(draw: st.DrawFn) -> list[frozenset[int]]:
    """Sets that differ from a few roots by a few members: similarities near every threshold."""
    roots = draw(st.lists(members, min_size=1, max_size=3))
    grown = []
    for _ in range(draw(st.integers(1, 14))):
        change = draw(st.frozensets(st.integers(1, 40), max_size=6))
        grown.append((draw(st.sampled_from(roots)) ^ change) or roots[0])
    return grown


@settings(max_examples=300, deadline=None)
@given(families(), st.sampled_from([0.05, 1 / 3, 0.5, 2 / 3, 0.75, 0.8, 0.9, 1.0]))
def test_equals_the_greedy_pass_over_all_pairs(
    sets: list[frozenset[int]], threshold: float
) -> None:
    verdicts = decide(sets, threshold)
    assert verdicts.kept_by.tolist() == slow.greedy(as_shingles(sets), threshold)
    for d, kept in enumerate(verdicts.kept_by.tolist()):
        assert np.isnan(verdicts.similarity[d]) == (kept < 0)
        if kept >= 0:
            expected = len(sets[d] & sets[kept]) / len(sets[d] | sets[kept])
            assert verdicts.similarity[d] == expected
            assert verdicts.kept_by[kept] == -1


def test_a_chain_is_not_followed() -> None:
    """Each link is 9 / 11 = .82, two links are 8 / 12 = .67, three 7 / 13."""
    chain = [frozenset(range(first, first + 10)) for first in range(1, 8)]
    assert decide(chain, 0.8).kept_by.tolist() == [-1, 0, -1, 2, -1, 4, -1]


def test_the_threshold_itself_is_enough() -> None:
    """4 / 5, and 3 / 5 rounded to 1e-6."""
    base = frozenset({1, 2, 3, 4, 5})
    assert decide([base, base - {5}], 0.8).kept_by.tolist() == [-1, 0]
    assert decide([base, base - {5}], 0.800002).kept_by.tolist() == [-1, -1]
    assert decide([base | {6}, base - {5}], 0.6666667).kept_by.tolist() == [-1, 0]


def test_the_most_similar_is_named_and_of_equals_the_first() -> None:
    base = frozenset(range(1, 21))
    near, nearer = base - {1, 2, 3} | {31, 32, 33}, base - {4} | {35}
    verdicts = decide([near, nearer, base], 0.7)
    assert verdicts.kept_by.tolist() == [-1, -1, 1]
    other = base - {5} | {36}
    assert decide([other, nearer, base], 0.85).kept_by.tolist() == [-1, -1, 0]


@pytest.mark.parametrize("own", [30, 60])
def test_a_template_does_not_cost_every_pair(own: int) -> None:
    """4,000 documents share 88 or 76 % of 250 shingles: all stay, hardly a pair is compared."""
    rng = np.random.default_rng(1)
    template = rng.integers(1, 1 << 60, 250 - own)
    rows = [np.sort(np.concatenate([template, rng.integers(1, 1 << 60, own)])) for _ in range(4000)]
    values = np.concatenate(rows).astype(np.uint64)
    ends = np.arange(1, 4001) * 250
    verdicts = decide_greedily(values, ends - 250, ends, 0.8)
    assert (verdicts.kept_by == -1).all()
    assert verdicts.compared < 4000


def test_many_copies_are_compared_with_the_kept_one_only() -> None:
    rng = np.random.default_rng(2)
    template = rng.integers(1, 1 << 60, 240)
    rows = [np.sort(np.concatenate([template, rng.integers(1, 1 << 60, 4)])) for _ in range(5000)]
    ends = np.arange(1, 5001) * 244
    values = np.concatenate(rows).astype(np.uint64)
    verdicts = decide_greedily(values, ends - 244, ends, 0.8)
    assert (verdicts.kept_by[1:] == 0).all()
    assert verdicts.compared == 4999
