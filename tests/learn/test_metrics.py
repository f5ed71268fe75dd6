"""Measures against their definitions, and against values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.learn.metrics import auc, best_cut, calibration, cut_at
from tests.slow.metrics import slow_auc, slow_calibration_error, slow_cut

SCORES = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, math.nan]), st.floats(0, 1))
ROWS = st.lists(st.tuples(SCORES, st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({positive for _, positive in rows}) == 2
)
Rows = list[tuple[float, bool]]


def split(rows: Rows) -> tuple[list[float], list[bool]]:
    return [score for score, _ in rows], [positive for _, positive in rows]


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order(rows: Rows) -> None:
    scores, positive = split(rows)
    assert auc(np.array(scores), np.array(positive)) == pytest.approx(slow_auc(scores, positive))


@settings(max_examples=200, deadline=None)
@given(ROWS, st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_cuts(rows: Rows, threshold: float) -> None:
    scores, positive = split(rows)
    cut = cut_at(np.array(scores), np.array(positive), threshold)
    for name, value in slow_cut(scores, positive, threshold).items():
        assert getattr(cut, name) == pytest.approx(value), name


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_the_best_cut_is_the_best_of_all(rows: Rows) -> None:
    scores, positive = split(rows)
    if all(math.isnan(score) for score in scores):
        return
    best = best_cut(np.array(scores), np.array(positive))
    tried = [slow_cut(scores, positive, score)["f1"] for score in scores if score >= 0]
    assert best.f1 == pytest.approx(max(tried))
    assert best.f1 == pytest.approx(slow_cut(scores, positive, best.threshold)["f1"])


@settings(max_examples=200, deadline=None)
@given(ROWS, st.booleans())
def test_calibration_error(rows: Rows, weighed: bool) -> None:
    scores, positive = split(rows)
    weights = [1 + 3 * weighed * is_good for is_good in positive]
    found = calibration(np.array(scores), np.array(positive), np.array(weights, np.float64))
    expected = slow_calibration_error(scores, positive, [float(w) for w in weights])
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert sum(each.documents for each in found.bins) == sum(not math.isnan(s) for s in scores)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.9, 0.8, 0.2, 0.1], 1.0),
        ([0.1, 0.2, 0.8, 0.9], 0.0),
        ([0.5, 0.5, 0.5, 0.5], 0.5),
        ([0.9, 0.3, 0.5, 0.1], 0.75),
        ([0.9, math.nan, math.nan, 0.1], 0.625),  # (1 + 1 + 0.5 + 0) / 4
    ],
)
def test_auc_by_hand(scores: list[float], expected: float) -> None:
    assert auc(np.array(scores), np.array([True, True, False, False])) == expected


def test_auc_of_many_documents_is_exact() -> None:
    scores = np.repeat([0.0, 1.0], 1_000_000)
    assert auc(scores, scores > 0) == 1.0
    assert auc(np.zeros(2_000_000), scores > 0) == 0.5


def test_calibration_by_hand() -> None:
    scores = np.array([0.05, 0.15, 0.15, 1.0])
    found = calibration(scores, np.array([False, True, False, True]), np.ones(4))
    assert [each.documents for each in found.bins] == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.bins[1].positive_share == 0.5
    assert found.bins[2].mean_score is None
    assert found.error == pytest.approx((0.05 + 2 * 0.35 + 0) / 4)
