"""Histograms: every value is counted once, the bounds of a rule lie within, whole numbers have
whole edges."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.columns import Bounds
from dolma_pipe.report.page.bins import BINS, bins_of, edges_of

NUMBERS = st.lists(
    st.one_of(
        st.floats(-1e9, 1e9),
        st.integers(-5, 5).map(float),
        st.sampled_from([0.0, 1e-6, 1.0, np.nan, np.inf, 2.0**53, 1.6e12, 5e-324, 1e30, -1.7e308]),
    ),
    max_size=60,
)
BORDER = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6),
    st.integers(-9, 9).map(float),
    st.sampled_from([1e20, 1.7e308, -1e30]),
)


@given(NUMBERS, BORDER, BORDER)
def test_every_value_is_counted_once_and_the_borders_lie_within(
    given: list[float], low: float | None, high: float | None
) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    values, bounds = np.array(given, np.float64), Bounds(low, high)
    edges = edges_of(values, bounds)
    bins = bins_of(values, edges, bounds)
    assert sum(bins.counts) + bins.below + bins.above + bins.without == len(values)
    assert all(a < b for a, b in zip(bins.edges, bins.edges[1:], strict=False))
    assert len(bins.counts) <= 3 * BINS
    assert all(kept <= count for kept, count in zip(bins.kept, bins.counts, strict=True))
    for border in edges.borders:
        assert edges.edges[0] <= border <= edges.edges[-1]
    assert not edges.borders or edges.borders[0] in edges.edges


@pytest.mark.parametrize(
    ("values", "bounds", "scale", "borders"),
    [
        (np.arange(20.0), Bounds(None, 5), "linear", (6.0,)),
        (np.arange(1.0, 9.0), Bounds(2, None), "linear", (2.0,)),
        (np.geomspace(1, 1e6, 999).round(), Bounds(50, 100_000), "log", (50.0, 100_001.0)),
        (np.linspace(0, 1, 300), Bounds(None, 0.3), "linear", (0.3,)),
        (np.r_[np.zeros(500), np.geomspace(1, 1e6, 300)], Bounds(None, 9.5), "linear", (9.5,)),
    ],
)
def test_scale_and_whole_edges(values: Any, bounds: Bounds, scale: str, borders: Any) -> None:
    edges = edges_of(values, bounds)
    assert (edges.scale, edges.borders) == (scale, borders)
    bins = bins_of(values, edges, bounds)
    if (values == values.round()).all():
        assert all(float(edge).is_integer() for edge in bins.edges)
    # at a border that is an edge, bars are kept on one side and not on the other
    place = bins.edges.index(borders[0])
    above = bounds.minimum is not None
    assert sum(bins.kept[:place]) == (0 if above else sum(bins.counts[:place]))


def test_few_values_far_away_do_not_squeeze_the_rest() -> None:
    values = np.r_[np.linspace(0, 1, 2000), 1e6]
    bins = bins_of(values, edges_of(values))
    assert bins.edges[-1] < 2
    assert bins.above >= 1


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, -np.inf], [3.0], [0.25] * 9])
def test_next_to_nothing_is_a_histogram_too(values: list[float]) -> None:
    found = np.array(values, np.float64)
    for bounds in (Bounds(None, None), Bounds(0.25, None), Bounds(3, 3), Bounds(1e20, 1e300)):
        bins = bins_of(found, edges_of(found, bounds), bounds)
        assert sum(bins.counts) == np.isfinite(found).sum()


def test_large_whole_numbers_have_bins_of_the_same_width() -> None:
    """Milliseconds since 1970, of a few seconds."""
    found = bins_of(values := 1.6e12 + np.arange(4000.0), edges_of(values))
    assert {*np.diff(found.edges)} == {100.0}
    assert sum(found.counts) == 4000
