"""Natural, temperature and UniMax: what the rule says, what caps do to it, what no budget means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget, times
from tests.mixers.made import mixer, supply
from tests.slow import mixers as slow

PARTS = supply([800, 150, 50], names="en fr yo")


def test_natural_is_in_proportion_to_tokens() -> None:
    assert mixer("natural").plan(PARTS, Budget(100)).tokens.tolist() == [80, 15, 5]
    assert mixer("natural").plan(PARTS, Budget(None)).tokens.tolist() == [800, 150, 50]
    assert mixer("natural").plan(PARTS, Budget(None)).notes == ()


def test_natural_above_a_cap_takes_the_rest_from_the_others() -> None:
    parts = supply([800, 150, 50], [800, 450, 150], "en fr yo")
    portions = mixer("natural").plan(parts, Budget(1200))
    assert portions.tokens.tolist() == [800, 300, 100]
    assert portions.notes == (
        "en can give 800 of 960 tokens: the rest is spread",
        "160 tokens are spread over fr, yo",
    )
    unasked = mixer("natural").plan(parts, Budget(None))
    assert unasked.tokens.tolist() == [800, 150, 50]
    assert unasked.notes == ("the cap of en binds",)
    with pytest.raises(RecipeError, match="1,000 is the largest, as en can give 800"):
        mixer("natural", surplus="refuse").plan(parts, Budget(1200))


def test_without_a_budget_large_sources_are_used_whole() -> None:
    huge = supply([9_876_543_210_123, 1_234_567_890_987, 3])
    assert mixer("natural").plan(huge, Budget(None)).tokens.tolist() == huge.tokens.tolist()


def test_temperature_raises_the_small() -> None:
    made = mixer("temperature", temperature=2)
    found = made.plan(supply([6400, 400, 100], [99_999] * 3), Budget(11_000)).tokens
    assert found.tolist() == [8000, 2000, 1000]
    published = mixer("temperature").plan(supply([1000, 1], [99_999] * 2), Budget(10_000)).tokens
    assert published[1] / published[0] == pytest.approx(0.001**0.3, rel=0.01)
    natural = mixer("temperature", temperature=1).plan(PARTS, Budget(100)).tokens
    assert natural.tolist() == [80, 15, 5]


def test_temperature_without_a_budget_keeps_its_proportions() -> None:
    made = mixer("temperature", temperature=2)
    portions = made.plan(supply([6400, 400, 100], names="en fr yo"), Budget(None))
    assert portions.tokens.tolist() == [800, 200, 100]
    assert portions.notes == ("the cap of yo binds",)
    spread = made.plan(supply([6400, 400, 100], names="en fr yo"), Budget(2000))
    assert spread.tokens.tolist() == [1520, 380, 100]


def test_unimax_is_even_up_to_the_epochs() -> None:
    parts = supply([800, 150, 50], [8000] * 3, "en fr yo")
    portions = mixer("unimax", max=2).plan(parts, Budget(900))
    assert portions.tokens.tolist() == [500, 300, 100]
    assert portions.notes == (
        "yo can give 100 of 300 tokens: the rest is spread",
        "200 tokens are spread over en",
    )
    assert mixer("unimax", max=2).plan(parts, Budget(None)).tokens.tolist() == [1600, 300, 100]
    with pytest.raises(RecipeError, match="2,000 is the largest, all at their caps"):
        mixer("unimax", max=2).plan(parts, Budget(2001))
    assert mixer("unimax", max=2).plan(PARTS, Budget(None)).tokens.tolist() == [800, 150, 50]


def test_epochs_of_unimax_that_max_repeats_does_not_allow_are_told() -> None:
    parts = supply([800, 150, 50], [3200, 150, 100], "en fr yo")
    told = "max_repeats or upsample of the mix hold fr, yo below max, 3.5 epochs"
    portions = mixer("unimax", max=3.5).plan(parts, Budget(None))
    assert portions.tokens.tolist() == [2800, 150, 100]
    assert portions.notes == (told,)
    assert mixer("unimax", max=3.5).plan(parts, Budget(500)).notes[-1] == told
    assert mixer("unimax", max=3.5).plan(parts, Budget(150)).notes == ()  # 50 of each
    assert mixer("unimax").plan(parts, Budget(None)).notes == ()
    rounded = supply([100_000, 10], [199_998, 20])  # of groups that are rounded down
    assert mixer("unimax", max=2).plan(rounded, Budget(None)).notes == ()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=8),
    st.floats(0.1, 10),
    st.floats(0, 1),
)
def test_unimax_is_the_published_algorithm(sizes: list[int], epochs: float, part: float) -> None:
    made = mixer("unimax", max=epochs)
    parts = supply(sizes, [10_000] * len(sizes))
    budget = int(part * made.reach(parts))
    caps = [times(epochs, size) for size in sizes]
    expected = np.array(slow.unimax(sizes, caps, budget))
    assert (np.abs(made.plan(parts, Budget(budget)).tokens - expected) <= 1 + 1e-6).all()
