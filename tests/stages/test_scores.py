"""16-bit codes keep the order of scores and tell apart what matters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.scores import NO_SCORE
from dolma_pipe.stages.mix.scores import quantise, scores_of
from tests.slow import scores as slow

SCORES = st.one_of(
    st.floats(), st.floats(-1, 2), st.floats(-4e9, 5e9), st.sampled_from([0, 0.5, 1])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SCORES, min_size=1, max_size=50))
def test_equal_to_the_slow_twin(scores: list[float]) -> None:
    given_scores = np.array(scores, np.float64)
    assert quantise(given_scores).tolist() == slow.quantise(given_scores).tolist()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=50))
def test_order_is_kept(scores: list[float]) -> None:
    codes = quantise(np.sort(np.array(scores))).astype(np.int64)
    assert (np.diff(codes) >= 0).all()
    assert codes.min() > NO_SCORE


def test_no_score_is_below_every_score() -> None:
    assert quantise(np.array([np.nan]))[0] == NO_SCORE
    assert quantise(np.array([-np.inf]))[0] > NO_SCORE


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1e-6), (0.01, 0.0101), (0.4999, 0.5011), (0.999999, 1), (1, 1.003)],
)
def test_these_are_told_apart(low: float, high: float) -> None:
    codes = quantise(np.array([low, high, -low, -high]))
    assert codes[0] < codes[1]
    assert codes[2] >= codes[3]


def test_differences_below_the_rounding_of_scores_are_not() -> None:
    assert len(set(quantise(np.array([0.3, 0.3 + 4e-7, 0.3 - 4e-7])).tolist())) == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.floats(-1, 2), st.floats(-4e9, 4e9)), min_size=1, max_size=50))
def test_codes_tell_their_scores(scores: list[float]) -> None:
    given_ = np.array(scores)
    size = np.where((given_ > 0.5) & (given_ < 1), 1 - given_, np.abs(given_))
    assert (np.abs(scores_of(quantise(given_)) - given_) <= size / 512 + 2e-6).all()


def test_known_codes() -> None:
    told = scores_of(quantise(np.array([np.nan, -2, 0, 0.25, 0.5, 0.75, 1, 3])))
    np.testing.assert_array_equal(told, [np.nan, -2, 0, 0.25, 0.5, 0.75, 1, 3])
