"""Intervals against a table of Student's t, and what is concluded from them."""

import math

import pytest

from dolma_pipe.ablation.intervals import Difference, deviation, difference, verdict


def of(mean: float, half: float) -> Difference:
    return Difference(mean=mean, low=mean - half, high=mean + half, seeds=3)


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    found = difference([1.0, 1.2, 1.4], [0.9, 1.0, 1.3])  # -0.1, -0.2, -0.1
    assert found.low is not None
    assert found.high is not None
    half = 4.30265 * 0.057735 / math.sqrt(3)  # t(0.975, 2)
    assert found.mean == pytest.approx(-0.4 / 3)
    assert found.high - found.mean == pytest.approx(half, rel=1e-4)
    assert found.mean - found.low == pytest.approx(half, rel=1e-4)
    # paired: what all runs of a seed have in common is no noise
    far = difference([1.0, 5.0, 9.0], [0.9, 4.8, 8.9])
    assert far.high == pytest.approx(found.high)


def test_a_single_seed_has_no_interval() -> None:
    found = difference([1.0], [0.5])
    assert (found.mean, found.low, found.high) == (-0.5, None, None)
    assert math.isnan(deviation([1.0]))
    assert verdict({"x": found}) == (
        "no verdict from a single seed: x: -0.5000 bits/byte (1 seed: no interval)"
    )


def test_equal_is_equal() -> None:
    assert difference([1.0, 2.0], [1.0, 2.0]).winner == "equal"
    assert verdict({"x": difference([1.0, 2.0], [1.0, 2.0])}) == "no difference: exactly equal"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"x": of(-0.041, 0.011)}, "B is better"),
        ({"x": of(0.041, 0.011)}, "A is better"),
        ({"x": of(-0.01, 0.011)}, "no difference shown"),
        ({"x": of(-0.01, 0.01)}, "no difference shown"),
        ({"x": of(-0.041, 0.011), "y": of(-0.1, 0.01)}, "B is better"),
        ({"x": of(-0.041, 0.011), "y": of(0.1, 0.01)}, "depends on the yardstick"),
        ({"x": of(-0.041, 0.011), "y": of(0.0, 0.01)}, "depends on the yardstick"),
        ({"x": of(0.0, 0.011), "y": of(0.0, 0.01)}, "no difference shown"),
    ],
)
def test_verdicts(found: dict[str, Difference], told: str) -> None:
    assert verdict(found).startswith(f"{told}: ")


def test_the_verdict_names_its_figures() -> None:
    assert verdict({"web": of(-0.041, 0.011)}) == (
        "B is better: web: -0.0410 bits/byte (95 % CI -0.0520 to -0.0300, 3 seeds)"
    )
