"""Best-fit decreasing and the shuffle after it, against one list an instance."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.packing import pack_best_fit, shuffle_instances
from tests.slow import packing as slow


@st.composite
def packings(draw: st.DrawFn) -> tuple[list[int], int]:
    """Lengths and a capacity: one, two and three levels of the bitmap, borders of its words."""
    capacity = draw(
        st.one_of(st.integers(1, 200), st.sampled_from([63, 64, 127, 4096, 4097, 10_000, 300_000]))
    )
    near_half = st.integers(max(1, capacity // 2 - 2), min(capacity, capacity // 2 + 2))
    length = st.one_of(st.integers(1, capacity), near_half, st.integers(1, min(5, capacity)))
    return draw(st.lists(length, max_size=120)), capacity


@settings(max_examples=300, deadline=None)
@given(packings())
def test_the_instance_of_each_piece_is_that_of_an_obvious_packer(
    case: tuple[list[int], int],
) -> None:
    tokens, capacity = case
    instances, count = pack_best_fit(np.array(tokens, np.uint32), capacity)
    expected = slow.pack_best_fit(tokens, capacity)
    assert instances.tolist() == expected
    assert count == len(set(expected))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=100), st.integers(0, (1 << 64) - 1))
def test_shuffle(drawn: list[int], key: int) -> None:
    names = {instance: i for i, instance in enumerate(dict.fromkeys(drawn))}
    instances = [names[instance] for instance in drawn]
    order, offsets = shuffle_instances(np.array(instances, np.uint32), len(names), np.uint64(key))
    found = [order[a:b].tolist() for a, b in pairwise(offsets.tolist())]
    assert found == slow.shuffle_instances(instances, len(names), key)


def test_the_shuffle_is_even() -> None:
    """How often each of 5 instances of 3 pieces, and each piece of one, comes to each place."""
    instances = np.repeat(np.arange(5, dtype=np.uint32), 3)
    places, inner = np.zeros((5, 5)), np.zeros((3, 3))
    for key in range(2000):
        order, _ = shuffle_instances(instances, 5, np.uint64(key << 20))
        for place in range(5):
            three = order[3 * place : 3 * place + 3]
            places[int(three[0]) // 3, place] += 1
            inner[three % 3, range(3)] += 1
    for table, freedom in ((places, 16), (inner, 4)):
        expected = table.sum() / table.size
        assert ((table - expected) ** 2 / expected).sum() < freedom + 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("tokens", [[0], [3, 11], [0, 4]])
def test_a_piece_that_cannot_be_packed_is_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match="room for 10"):
        pack_best_fit(np.array(tokens, np.uint32), 10)
