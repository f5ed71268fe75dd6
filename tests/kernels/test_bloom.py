"""Filters of hashes: no repeat is missed, what is wrongly found is as rare as was asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.kernels.bloom import Filters, filters_for, look_up_and_add
from dolma_pipe.kernels.jit import U64


def filters(hashes: U64, level: int, rate: float) -> Filters:
    items = np.bincount((hashes >> np.uint64(1) >> np.uint64(63 - level)).astype(np.int64))
    return filters_for(level, 0, np.pad(items, (0, (1 << level) - len(items))), rate)


@given(st.lists(st.integers(1, (1 << 64) - 1) | st.integers(1, 5), max_size=50), st.integers(0, 3))
def test_sets_are_exact(listed: list[int], level: int) -> None:
    hashes = np.array(listed, np.uint64)
    seen = look_up_and_add(filters(hashes, level, 0), hashes)
    assert seen.tolist() == [h in listed[:i] for i, h in enumerate(listed)]


@given(
    st.lists(st.integers(1, (1 << 64) - 1) | st.integers(1, 5), max_size=50),
    st.integers(0, 3),
    st.sampled_from([0.5, 0.01, 1e-6]),
)
def test_filters_miss_nothing(listed: list[int], level: int, rate: float) -> None:
    hashes = np.array(listed, np.uint64)
    some = filters(hashes, level, rate)
    seen = look_up_and_add(some, hashes)
    for i, h in enumerate(listed):
        assert seen[i] or h not in listed[:i]
    assert some.added.sum() == (~seen).sum()
    assert int(np.bitwise_count(some.words).sum()) == some.filled.sum()


@pytest.mark.parametrize(("rate", "level"), [(0.05, 0), (0.01, 3), (0.001, 1)])
def test_a_full_filter_has_the_rate_that_was_asked_for(rate: float, level: int) -> None:
    hashes = np.random.default_rng(3).integers(1, 1 << 63, 400_000, np.uint64) << np.uint64(1)
    there, other = hashes[:100_000], hashes[100_000:]
    some = filters(there, level, rate)
    wrong = int(look_up_and_add(some, there).sum())
    assert wrong == pytest.approx(some.expected.sum(), rel=0.5, abs=12)
    full = some._replace(words=some.words.copy())
    found = sum(
        look_up_and_add(full._replace(words=some.words.copy()), other[i : i + 1000]).sum()
        for i in range(0, 100_000, 1000)
    )
    assert found / 100_000 == pytest.approx(rate, rel=0.25)
