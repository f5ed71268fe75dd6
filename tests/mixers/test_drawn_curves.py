"""The curve that is drawn is the one whose means over the buckets are the repeats."""

import numpy as np
import pytest

from dolma_pipe.curve_mixer import CurveMixer
from dolma_pipe.mixer import Budget, supply_of
from dolma_pipe.shelf import find, load

TOKENS = np.array([900, 0, 1100, 1000, 500, 1500, 1000], np.int64)


@pytest.mark.parametrize("name", ["quality", "monotone"])
@pytest.mark.parametrize("wanted", [600, 3000, 9000, 13_000])
def test_means_of_the_curve_are_the_repeats(name: str, wanted: int) -> None:
    mixer: CurveMixer = load(find("mixers", name), CurveMixer)(max=4.0, discard=0.3)
    portions = mixer.plan(supply_of(list("abcdefg"), TOKENS), Budget(wanted)).tokens
    drawn = mixer.curve(TOKENS, wanted, 20_001)
    assert drawn is not None
    x, y = drawn
    ends = np.cumsum(TOKENS) / TOKENS.sum()
    for k in np.flatnonzero(portions):
        inside = (x >= ends[k - 1]) & (x <= ends[k])
        mean = np.trapezoid(y[inside], x[inside]) / (ends[k] - ends[k - 1])
        assert mean == pytest.approx(portions[k] / TOKENS[k], rel=0.01, abs=0.01)


def test_a_mixer_without_a_curve_draws_none() -> None:
    assert CurveMixer().curve(TOKENS, 100, 10) is None
