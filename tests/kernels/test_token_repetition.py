import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.token_repetition import token_repetition
from tests.slow import token_repetition as slow

runs = st.tuples(st.lists(st.integers(0, 3), max_size=4), st.integers(0, 6))
documents = st.lists(runs, max_size=8).map(lambda parts: [i for a, n in parts for i in a * n])


@settings(max_examples=200, deadline=None)
@given(st.lists(documents, max_size=4), st.integers(1, 5), st.integers(2, 5))
def test_columns_equal_the_slow_reference(
    together: list[list[int]], max_period: int, min_times: int
) -> None:
    ids = np.array([1, 1, *(i for ids in together for i in ids)], np.uint32)
    offsets = np.cumsum([2, *map(len, together)]).astype(np.int64)
    found = token_repetition(ids, offsets, max_period, min_times)
    for row, document in zip(found.tolist(), together, strict=True):
        expected = slow.token_repetition(document, max_period, min_times)
        assert row == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("period", [1, 2, 13])
def test_published_limits(period: int) -> None:
    unit = list(range(period))
    for times, found in ((31, 0), (32, 1)):
        ids = np.array([99, *unit * times, 98], np.uint32)
        row = token_repetition(ids, np.array([0, len(ids)]), 13, 32)[0]
        assert row[1] == found
        assert row[2] == found * 32 * period


def test_a_period_of_14_is_none() -> None:
    ids = np.array(list(range(14)) * 40, np.uint32)
    assert token_repetition(ids, np.array([0, len(ids)]), 13, 32)[0].tolist() == [560, 0, 0, 0]
