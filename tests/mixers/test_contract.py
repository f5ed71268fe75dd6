"""What every mixer promises: what it says can be reached, one token more is refused."""

from typing import Any

import numpy as np
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget
from dolma_pipe.shelf import names
from tests.mixers.made import mixer, supply

SETTINGS: dict[str, dict[str, Any]] = {
    "flat": {"max": 2.5},
    "quality": {},
    "shares": {"shares": {"a": 0.75, "b": 0.25}},
}


def test_every_mixer_is_tried() -> None:
    assert names("mixers") == sorted(SETTINGS)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_what_is_in_reach_is_planned_and_no_more(name: str) -> None:
    made = mixer(name, **SETTINGS[name])
    parts = supply([1000, 400], [1500, 900], "a b")
    reach = made.reach(parts)
    assert made.plan(parts, Budget(reach)).tokens.sum() == pytest.approx(reach)
    with pytest.raises(RecipeError, match=str(reach)) as error:
        made.plan(parts, Budget(reach + 1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_tokens_give_no_tokens(name: str) -> None:
    made = mixer(name, **SETTINGS[name])
    parts = supply([0, 0], [0, 0], "a b")
    assert made.reach(parts) == 0
    for budget in (0, None):
        assert np.array_equal(made.plan(parts, Budget(budget)).tokens, [0, 0])
