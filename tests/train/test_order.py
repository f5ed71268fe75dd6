"""Orders are permutations, uniform ones, and each seed and epoch has its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from dolma_pipe.train.data.order import SORTED_BELOW, Order

SEEDS = st.integers(0, 2**63)


def permutation(n: int, *key: int | str) -> list[int]:
    return Order(n, *key).at(np.arange(n)).tolist()


@given(st.integers(1, 5000), SEEDS, st.integers(0, 1000))
def test_each_number_once(n: int, seed: int, epoch: int) -> None:
    assert sorted(permutation(n, seed, epoch)) == list(range(n))


@pytest.mark.parametrize("n", [1, 2, 3, 1023, 1024, 1025, 4096, 4097, 65_536, 65_537, 200_000])
def test_each_number_once_at_borders(n: int) -> None:
    assert sorted(permutation(n, 3, 0)) == list(range(n))


@given(st.integers(1, 2**50), SEEDS, st.lists(st.integers(0, 2**50), min_size=1))
def test_a_position_alone_is_the_same_as_among_others(
    n: int, seed: int, positions: list[int]
) -> None:
    inside = [position % n for position in positions]
    order = Order(n, seed, 0)
    found = order.at(inside).tolist()
    assert found == [int(order.at([position])[0]) for position in inside]
    assert all(0 <= number < n for number in found)
    assert len(set(found)) == len(set(inside))


def test_seed_and_epoch_do_not_collide() -> None:
    keys = [(seed, epoch) for seed in range(12) for epoch in range(12)]
    for n in (500, 5000):
        assert len({tuple(permutation(n, *key)[:64]) for key in keys}) == len(keys)


def test_the_same_key_is_the_same_order_on_every_machine() -> None:
    assert permutation(8, 0, 0) == [0, 7, 6, 4, 3, 2, 5, 1]
    assert Order(10**12, 1, 2).at([0, 1, 10**12 - 1]).tolist() == [
        817128353653,
        624848765077,
        456438357591,
    ]


def test_positions_must_be_there() -> None:
    order = Order(5000, 1, 0)
    assert order.at([]).tolist() == []
    for positions in ([-1], [5000], [0, 5000]):
        with pytest.raises(IndexError, match="of 5000"):
            order.at(positions)


def likelihood(counts: np.ndarray, expected: np.ndarray) -> float:
    """Of counts as far from what is expected as these, by chi-square."""
    squares = float(((counts - expected) ** 2 / expected).sum())
    return float(chi2.sf(squares, counts.size - 1))


@pytest.mark.parametrize("n", [40, SORTED_BELOW - 1, SORTED_BELOW, 1025, 1500, 2049, 10_007])
def test_orders_are_uniform(n: int) -> None:
    """Where the first numbers go, how far neighbours are apart, and which pairs there are."""
    cells = 8
    size = np.bincount(np.arange(n) * cells // n, minlength=cells)
    pairs = np.outer(size, size) - np.diag(size)
    places = np.zeros((cells, cells))
    found, steps = np.zeros((cells, cells)), np.zeros(n)
    for seed in range(1500):
        numbers = Order(n, seed, 0).at(np.arange(40))
        cell = numbers * cells // n
        np.add.at(places, (np.arange(40) % cells, cell), 1)
        np.add.at(found, (cell[:-1], cell[1:]), 1)
        steps += np.bincount(np.diff(numbers) % n, minlength=n)
    assert likelihood(places, size / n * places.sum() / cells) > 1e-3
    assert likelihood(found, pairs / pairs.sum() * found.sum()) > 1e-3
    assert likelihood(steps[1:], np.full(n - 1, steps.sum() / (n - 1))) > 1e-3
