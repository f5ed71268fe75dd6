"""Fixed shares: rounding to the token, caps, and what happens to a surplus."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.mixer import Budget, largest_remainder
from dolma_pipe.share_mixer import fill, spread
from tests.mixers.made import mixer, supply
from tests.slow import mixers as slow


def test_shares_of_a_budget() -> None:
    made = mixer("shares", shares={"web": 0.8, "code": 0.2})
    found = made.plan(supply([100, 100, 100], names="web code docs"), Budget(101)).tokens
    assert found.tolist() == [81, 20, 0]


def test_without_a_budget_the_caps_decide() -> None:
    made = mixer("shares", shares={"web": 0.8, "code": 0.2})
    portions = made.plan(supply([100, 5], names="web code"), Budget(None))
    assert portions.tokens.tolist() == [20, 5]
    assert portions.notes == ("the cap of code binds",)


def test_a_target_out_of_reach_names_the_largest_and_who_binds() -> None:
    made = mixer("shares", shares={"web": 0.8, "code": 0.2})
    with pytest.raises(RecipeError, match="25 is the largest, as code can give 5"):
        made.plan(supply([100, 5], names="web code"), Budget(26))


def test_a_surplus_is_spread_by_the_shares_of_the_rest() -> None:
    made = mixer("shares", shares={"a": 0.5, "b": 0.25, "c": 0.25}, surplus="spread")
    portions = made.plan(supply([10, 100, 100], names="a b c"), Budget(100))
    assert portions.tokens.tolist() == [10, 45, 45]
    assert portions.notes == (
        "a can give 10 of 50 tokens: the rest is spread",
        "40 tokens are spread over b, c",
    )
    with pytest.raises(RecipeError, match="210 is the largest"):
        made.plan(supply([10, 100, 100], names="a b c"), Budget(211))


def test_spreading_may_break_the_next_cap() -> None:
    made = mixer("shares", shares={"a": 0.5, "b": 0.25, "c": 0.25}, surplus="spread")
    portions = made.plan(supply([10, 30, 100], names="a b c"), Budget(100))
    assert portions.tokens.tolist() == [10, 30, 60]
    assert portions.notes[-1] == "that brings b to the cap, too"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.integers(0, 10**12))
def test_largest_remainder_sums_and_stays_near(portions: list[float], total: int) -> None:
    given_ = np.array(portions)
    found = largest_remainder(given_, total)
    if given_.sum() <= 0:
        assert not found.any()
        return
    assert found.sum() == total
    exact = given_ / given_.sum() * total
    assert (np.abs(found - exact) <= 1 + 1e-6 * total).all()
    assert not found[given_ == 0].any()


def test_equal_fractions_go_to_the_first() -> None:
    assert largest_remainder(np.array([1.0, 1.0, 1.0]), 10).tolist() == [4, 3, 3]
    assert largest_remainder(np.array([0.29, 0.71]), 100).tolist() == [29, 71]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 100)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_spreading_is_equal_to_the_slow_twin(parts: list[tuple[float, int]], part: float) -> None:
    weights = np.array([weight if weight > 1e-3 else 0.0 for weight, _ in parts])
    caps = np.array([cap for _, cap in parts], np.int64)
    wanted = int(part * caps[weights > 0].sum())
    expected = slow.filled(weights.tolist(), caps.tolist(), wanted)
    assert fill(weights, caps.astype(float), wanted) == pytest.approx(expected, abs=1e-6)
    found = spread(weights, caps, wanted)
    assert found.sum() == wanted
    assert (found <= caps).all()
    assert (np.abs(found - expected) <= 1 + 1e-6).all()


def test_spreading_over_many_parts_takes_no_round_for_each() -> None:
    weights = 1 / np.arange(1, 200_001)
    caps = np.arange(1, 200_001)
    found = spread(weights, caps, int(caps.sum()) - 1)
    assert found.sum() == caps.sum() - 1


def test_not_a_token_is_lost_among_many_large_parts() -> None:
    """Floats have no room for the fractions of 10^15 tokens."""
    random = np.random.default_rng(0)
    for _ in range(100):
        weights = random.random(400)
        caps = (10 ** (random.random(400) * 15)).astype(np.int64)
        wanted = int(caps.sum() * random.random())
        found = spread(weights, caps, wanted)
        assert found.sum() == wanted
        assert (found <= caps).all()


def test_no_part_is_more_of_the_mix_than_max_share() -> None:
    shares = {"web": 0.8, "code": 0.15, "docs": 0.05}
    parts = supply([1000, 1000, 1000], names="web code docs")
    made = mixer("shares", shares=shares, max_share=0.5)
    portions = made.plan(parts, Budget(100))
    assert portions.tokens.tolist() == [50, 38, 12]
    assert portions.notes == (
        "web is held by max_share at 50 of 80 tokens: the rest is spread",
        "30 tokens are spread over code, docs",
    )
    only_web = mixer("shares", shares=shares, max_share={"web": 0.5, "other": 0.1})
    assert only_web.plan(parts, Budget(100)).tokens.tolist() == [50, 38, 12]
    third = mixer("natural", max_share=0.333)
    with pytest.raises(RecipeError, match=r"^max_share of web, code, docs makes 0.999 of a mix"):
        third.plan(parts, Budget(100))
    with pytest.raises(RecipeError, match="web, code at max_share, the others at their caps"):
        mixer("natural", max_share=0.45).plan(
            supply([1000, 1000, 10], names="web code docs"), Budget(101)
        )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0.01, 1)), min_size=1, max_size=5),
)
def test_reach_under_max_share_is_the_largest(parts: list[tuple[int, float]]) -> None:
    caps, held = [cap for cap, _ in parts], [share for _, share in parts]
    made = mixer("natural", max_share={str(i): share for i, share in enumerate(held)})
    expected = [b for b in range(sum(caps) + 1) if slow.reachable(caps, held, b)]
    assert made.reach(supply(caps)) == max(expected)


def test_notes_name_a_few_of_many() -> None:
    names = " ".join(f"p{i}" for i in range(20))
    portions = mixer("temperature", temperature=1000).plan(
        supply([10] * 12 + [1000] * 8, names=names), Budget(2000)
    )
    assert len(portions.notes) == 7
    assert portions.notes[5] == "7 others are capped as well"
    assert portions.notes[6].endswith("are spread over p12, p13, p14, p15, p16 and 3 others")


def test_a_curve_needs_a_share_where_others_have_one() -> None:
    curve = {"web": {"by": "gopher.words"}}
    mixed = msgspec.convert({"shares": {"code": 1.0}, "upsample": curve}, MixSettings)
    with pytest.raises(RecipeError, match=r"source web has no share .* a curve needs a share"):
        mixed.check(["web", "code"])
    with pytest.raises(msgspec.ValidationError, match="<= 1000"):
        msgspec.convert({"upsample": {"web": 100_000}}, MixSettings)


def test_settings_that_do_not_fit_the_sources() -> None:
    MixSettings(shares={"a": 0.5, "b": 0.5}).check(["a", "b"])
    MixSettings(shares={"a": 1.0}, upsample={"b": 2.0}).check(["a", "b"])
    MixSettings().check(["a"])
    with pytest.raises(RecipeError, match=r"sum to 0\.9, not to 1"):
        MixSettings(shares={"a": 0.5, "b": 0.4}).check(["a", "b"])
    with pytest.raises(RecipeError, match="source b has no share"):
        MixSettings(shares={"a": 1.0}).check(["a", "b"])


def test_a_share_of_nothing_is_refused_or_spread() -> None:
    shares = {"web": 0.5, "code": 0.25, "lost": 0.25}
    with pytest.raises(RecipeError, match=r"^lost has a share of 0.25 and no tokens"):
        mixer("shares", shares=shares).plan(
            supply([100, 10, 0], names="web code lost"), Budget(None)
        )
    spread = mixer("shares", shares=shares, surplus="spread")
    portions = spread.plan(supply([100, 10, 0], names="web code lost"), Budget(None))
    assert portions.tokens.tolist() == [20, 10, 0]  # two to one, as the shares say
    alone = spread.plan(supply([0, 10, 0], names="web code lost"), Budget(None))
    assert alone.tokens.tolist() == [0, 10, 0]
    nothing = mixer("shares", shares=shares).plan(
        supply([0, 0, 0], names="web code lost"), Budget(None)
    )
    assert nothing.tokens.tolist() == [0, 0, 0]
