"""What every mixer promises: what it says can be reached, one token more is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget, Supply, checked, checked_reach, supply_of
from dolma_pipe.shelf import names
from tests.mixers.made import mixer, supply

WITHIN: dict[str, list[dict[str, Any]]] = {
    "flat": [{"max": 2.5}, {"max": 0.3}],
    "quality": [{}, {"max": 0.7, "discard": 0.0}],
    "monotone": [{}, {"power": 3.5, "max": 4}],
}
SHARES = {"a": 0.7, "b": 0.2, "c": 0.1}
AMONG: dict[str, list[dict[str, Any]]] = {
    "natural": [{}, {"surplus": "refuse"}, {"max_share": 0.6}],
    "shares": [
        {"shares": SHARES},
        {"shares": SHARES, "surplus": "spread"},
        {"shares": SHARES, "max_share": 0.5},
        {"shares": SHARES, "surplus": "spread", "max_share": {"a": 0.35, "b": 0.35}},
    ],
    "temperature": [{}, {"temperature": 1}, {"surplus": "refuse"}, {"max_share": 0.4}],
    "unimax": [{}, {"max": 1.5}, {"surplus": "refuse"}, {"max": 3, "max_share": 0.34}],
}
CASES = [(name, given) for name, all_ in (WITHIN | AMONG).items() for given in all_]
TOKENS = st.one_of(st.integers(0, 30), st.integers(0, 10**6), st.integers(0, 10**13))


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    tokens = draw(st.lists(TOKENS, min_size=3, max_size=3))
    most = [int(draw(st.floats(0, 8)) * count) for count in tokens]
    return supply(tokens, most, "a b c")


def test_every_mixer_is_tried() -> None:
    assert names("mixers") == sorted([*WITHIN, *AMONG])


@pytest.mark.parametrize(("name", "given_"), CASES)
@settings(max_examples=25, deadline=None)
@given(parts=supplies(), part=st.floats(0, 1))
def test_what_is_in_reach_is_planned_and_no_more(
    name: str, given_: dict[str, Any], parts: Supply, part: float
) -> None:
    made = mixer(name, **given_)
    if name in WITHIN:
        cap = given_.get("max", 7.0)
        parts = supply_of(parts.names, parts.tokens, np.floor(parts.tokens * cap).astype(np.int64))
    reach = checked_reach(made.reach(parts), parts, name)
    for budget in {0, int(part * reach), reach}:
        portions = checked(made.plan(parts, Budget(budget)), parts, Budget(budget), name)
        assert portions.tokens.sum() == pytest.approx(budget, rel=1e-9, abs=1e-3)
        if name in AMONG:
            assert portions.tokens.sum() == budget
            assert (portions.tokens == portions.tokens.round()).all()
            assert (portions.tokens <= parts.most).all()
    with pytest.raises(RecipeError, match=rf"{reach}|{reach:,}") as error:
        made.plan(parts, Budget(reach + 1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "given_"), CASES)
@settings(max_examples=25, deadline=None)
@given(parts=supplies())
def test_without_a_budget_it_is_what_could_have_been_asked(
    name: str, given_: dict[str, Any], parts: Supply
) -> None:
    made = mixer(name, **given_)
    try:
        unasked = made.plan(parts, Budget(None)).tokens
    except RecipeError:  # a share of nothing, or of more than there is
        assert made.reach(parts) == 0
        return
    assert unasked.sum() <= made.reach(parts) * (1 + 1e-12)
    asked = made.plan(parts, Budget(round(float(unasked.sum())))).tokens
    assert asked == pytest.approx(unasked, rel=1e-9, abs=1)


@pytest.mark.parametrize(("name", "given_"), CASES)
def test_no_tokens_give_no_tokens(name: str, given_: dict[str, Any]) -> None:
    made = mixer(name, **given_)
    for parts in (supply([0, 0], [0, 0], "a b"), supply([], [])):
        assert made.reach(parts) == 0
        for budget in (0, None):
            assert not made.plan(parts, Budget(budget)).tokens.any()
        with pytest.raises(RecipeError, match="0"):
            made.plan(parts, Budget(1))


@pytest.mark.parametrize("name", sorted(WITHIN))
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=25), st.floats(0.001, 1))
def test_buckets_scale_rise_and_obey_cap_and_cut(name: str, tokens: list[int], part: float) -> None:
    made = mixer(name)
    parts = supply(tokens)
    budget = int(part * made.reach(parts))
    repeats = made.plan(parts, Budget(budget)).tokens / np.maximum(1, tokens)
    filled = np.flatnonzero(tokens)
    if not budget:
        assert not repeats.any()
        return
    kept = filled[repeats[filled] > 0] if name == "flat" else filled
    assert (np.diff(repeats[kept]) >= -1e-7).all()
    assert repeats.max() <= made.max * (1 + 1e-6)
    large = supply([count * 12_345 for count in tokens])
    many = made.plan(large, Budget(budget * 12_345)).tokens / np.maximum(1, large.tokens)
    assert many == pytest.approx(repeats, rel=1e-6, abs=1e-9)
    if name != "flat":
        ends = np.cumsum([0, *np.array(tokens)[filled]]) / sum(tokens)
        first = int(np.argmin(np.abs(ends[:-1] - 0.4)))
        assert not repeats[filled[:first]].any()
        assert not repeats[np.array(tokens) == 0].any()
