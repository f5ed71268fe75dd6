"""The monotone curve: never falls, convex up to the cap, feasible to the last token."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dolma_pipe.mixer import F64, Budget
from tests.mixers.made import mixer, supply
from tests.slow import mixers as slow

EQUAL = [1_000_000] * 20


def repeats(ratio: float, name: str = "monotone", **given: float) -> F64:
    found = mixer(name, **given).plan(supply(EQUAL), Budget(int(ratio * sum(EQUAL))))
    return np.asarray(found.tokens / EQUAL)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 4.2])
def test_it_is_convex_until_the_cap(ratio: float) -> None:
    found = repeats(ratio)
    assert not found[:8].any()
    assert found.sum() / 20 == pytest.approx(ratio, rel=1e-12)
    below = found[:-1][found[1:] < 7 - 1e-9]  # the bucket in which the cap begins is a mean
    assert (np.diff(found) >= -1e-12).all()
    assert (np.diff(below, 2) >= -1e-9).all()
    assert found.max() <= 7


def test_where_the_published_curve_is_concave_it_takes_less_of_the_worst() -> None:
    for ratio in (2.5, 3.0, 4.0):
        published, ours = repeats(ratio, "quality"), repeats(ratio)
        assert np.diff(published[8:], 2).max() < 0
        assert ours[8] < 0.6 * published[8]
        middles = np.arange(0.5, 20)
        assert (ours * middles).sum() > (published * middles).sum()


def test_small_targets_use_the_cap() -> None:
    made = mixer("monotone").plan(supply([1] * 1000), Budget(500))
    assert made.tokens[-1] == pytest.approx(7, abs=0.1)
    assert mixer("quality").plan(supply([1] * 1000), Budget(500)).tokens[-1] < 3.5


def test_by_hand() -> None:
    # M w = 4, Z / X = 3: a straight line of area 2 c / 2 is missing c below the cap
    made = mixer("monotone", max=4, discard=0)
    assert made.plan(supply([1, 1, 1, 1]), Budget(12)).tokens.tolist() == [1, 3, 4, 4]
    # power 2 misses 2/3 of what lies below its corner at 3/4 x 1/2
    square = mixer("monotone", max=4, discard=0, power=2).plan(supply([1] * 8), Budget(24))
    assert square.tokens == pytest.approx([4 / 27, 28 / 27, 76 / 27, 4, 4, 4, 4, 4])
    assert square.notes == ("curve p = 2, at max from 37.5% of what is kept",)
    assert made.plan(supply([1, 1]), Budget(4)).tokens.tolist() == [1, 3]


def test_the_largest_target_is_flat_at_the_cap() -> None:
    for power in (1, 2, 9.5):
        assert repeats(4.2, power=power)[8:] == pytest.approx([7] * 12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=8),
    st.floats(0.05, 0.99),
    st.floats(0.5, 9.0),
    st.floats(1.0, 6.0),
    st.floats(0.0, 0.7),
)
def test_equal_to_the_slow_twin(
    tokens: list[int], part: float, cap: float, power: float, discard: float
) -> None:
    made = mixer("monotone", max=cap, power=power, discard=discard)
    parts = supply(tokens)
    budget = int(part * made.reach(parts))
    assume(budget > 0)
    found = made.plan(parts, Budget(budget)).tokens / np.array(tokens)
    ends = np.cumsum([0, *tokens]) / sum(tokens)
    first = int(np.argmin(np.abs(ends[:-1] - discard)))
    edges = (ends[first:] - ends[first]).tolist()
    expected = slow.monotone(edges, budget / sum(tokens), cap, power)
    assert found[first:] == pytest.approx(expected, abs=1e-6)
    assert not found[:first].any()
