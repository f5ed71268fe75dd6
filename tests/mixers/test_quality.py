"""Quality-aware upsampling: the published vectors, the slow twin, the borders of the feasible."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget
from tests.mixers.made import mixer, supply
from tests.slow import quality as slow

EQUAL = [1_000_000] * 20
VECTORS = {
    0.5: (2, 2, 2.7531, ".002 .019 .056 .121 .220 .363 .560 .823 1.168 1.611 2.174 2.882"),
    1.0: (2, 2, 5.5061, ".005 .038 .113 .242 .441 .726 1.120 1.646 2.335 3.222 4.349 5.764"),
    1.5: (2, 0.1241, 19.700, ".016 .116 .317 .621 1.030 1.546 2.171 2.907 3.756 4.720 5.800 7.000"),
    2.0: (
        *(1.1621, 0.1235, 12.4024),
        ".177 .619 1.126 1.673 2.254 2.863 3.498 4.156 4.836 5.538 6.259 7.000",
    ),
    2.5: (
        *(0.6384, 0.2620, 8.5725),
        ".779 1.666 2.345 2.948 3.507 4.040 4.554 5.056 5.549 6.036 6.519 7.000",
    ),
    3.0: (
        *(0.3242, 0.3032, 7.0357),
        "2.029 3.096 3.719 4.214 4.643 5.031 5.393 5.735 6.064 6.383 6.694 7.000",
    ),
}


@pytest.mark.parametrize("ratio", sorted(VECTORS))
def test_published_vectors(ratio: float) -> None:
    power, rate, scale, factors = VECTORS[ratio]
    portions = mixer("quality").plan(supply(EQUAL), Budget(int(ratio * sum(EQUAL))))
    found = portions.tokens / EQUAL
    assert not found[:8].any()
    assert found[8:] == pytest.approx([float(f) for f in factors.split()], abs=1e-3)
    note = portions.notes[0].replace(",", "").split()
    assert float(note[3]) == pytest.approx(power, abs=1e-3)
    assert float(note[6]) == pytest.approx(rate, abs=1e-3)
    assert float(note[9]) == pytest.approx(scale, rel=1e-3)


def test_the_cap_is_reached_by_the_flattest_power() -> None:
    found = mixer("quality").plan(supply(EQUAL), Budget(4 * sum(EQUAL))).tokens / EQUAL
    assert found[8] == pytest.approx(6.246, abs=1e-3)
    assert found[19] == pytest.approx(7.0, abs=1e-3)


def test_a_flat_curve_where_the_grid_of_powers_fails() -> None:
    found = mixer("quality").plan(supply(EQUAL), Budget(int(4.18 * sum(EQUAL)))).tokens / EQUAL
    assert found[8:] == pytest.approx([4.18 / 0.6] * 12)


def test_the_power_grid_ends_where_it_is_published_to_end() -> None:
    for ratio, told in ((4.16, "curve p = 0.01,"), (4.161, "curve p = 0,")):
        portions = mixer("quality").plan(supply(EQUAL), Budget(int(ratio * sum(EQUAL))))
        assert portions.notes[0].startswith(told)
        assert portions.tokens.sum() == pytest.approx(ratio * sum(EQUAL))


def test_a_concave_curve_is_told() -> None:
    notes = [
        mixer("quality").plan(supply(EQUAL), Budget(int(ratio * sum(EQUAL)))).notes
        for ratio in (2.0, 2.5)
    ]
    assert [len(told) for told in notes] == [1, 2]
    assert notes[1][1] == "it is concave (curve: monotone is not)"


@pytest.mark.parametrize("ratio", [0.5, 1.5, 2.5, 4.0])
def test_a_topic_takes_few_evaluations(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """145 at 3 microseconds are far below a millisecond; the published quadrature takes seconds."""
    calls: list[int] = []
    original = special.hyp1f1

    def counted(*args: Any) -> Any:
        calls.append(np.size(args[2]))
        return original(*args)

    monkeypatch.setattr(special, "hyp1f1", counted)
    mixer("quality").plan(supply(EQUAL), Budget(int(ratio * sum(EQUAL))))
    assert 0 < len(calls) <= 145
    assert sum(calls) <= 145 + 13


def test_empty_buckets_change_nothing() -> None:
    for name in ("quality", "monotone"):
        gaps = [1_000_000, 0] * 20 + [0]
        found = mixer(name).plan(supply(gaps), Budget(2 * sum(EQUAL))).tokens
        dense = mixer(name).plan(supply(EQUAL), Budget(2 * sum(EQUAL))).tokens
        assert np.array_equal(found[:40:2], dense)
        assert not found[1::2].any()


def test_above_the_cap_the_largest_target_is_named() -> None:
    with pytest.raises(RecipeError, match="84000000 is most"):
        mixer("quality").plan(supply(EQUAL), Budget(84_000_001))


def test_unequal_buckets_are_cut_at_the_nearest_bound() -> None:
    made = mixer("quality", discard=0.4, max=7)
    assert made.reach(supply([41, 59])) == 7 * 59
    assert made.reach(supply([85, 15])) == 7 * 100  # 0 is nearer to .4 than .85
    assert made.reach(supply([15, 85])) == 7 * 85  # the last bucket is always kept
    assert made.reach(supply([100])) == 7 * 100  # ties all over: nothing can be told apart


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=8),
    st.floats(0.05, 0.98),
    st.floats(1.0, 9.0),
    st.floats(0.0, 0.7),
)
def test_equal_to_the_slow_twin(tokens: list[int], part: float, cap: float, discard: float) -> None:
    made = mixer("quality", max=cap, discard=discard)
    parts = supply(tokens)
    budget = max(1, int(part * made.reach(parts)))
    found = made.plan(parts, Budget(budget)).tokens / np.array(tokens)
    edges = (np.cumsum([0, *tokens]) / sum(tokens)).tolist()
    first = min(range(len(tokens)), key=lambda i: (abs(edges[i] - discard), i))
    expected = slow.factors(edges, first, budget / sum(tokens), cap)
    assert found == pytest.approx(expected, abs=2e-3)
    assert (np.diff(found) >= -1e-6).all()
    assert found.max() <= cap + 1e-5
