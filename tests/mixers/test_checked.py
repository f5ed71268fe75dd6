"""What a mixer gives is looked at before it is believed: a user's own can be anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget, Portions, checked, checked_reach, times
from tests.mixers.made import mixer, supply

PARTS = supply([60, 40], [120, 40], "web code")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "plan gives NoneType, Portions are needed"),
        (np.array([60.0, 40.0]), "plan gives ndarray, Portions are needed"),
        (Portions(np.array([100.0])), r"plan gives tokens of shape \(1,\) for 2 parts"),
        (Portions(np.array([["a"], ["b"]])), "plan gives tokens that are no numbers"),  # type: ignore[arg-type]
        (Portions(np.array([np.nan, 40])), "plan gives nan tokens of web, which can give 0 to 120"),
        (Portions(np.array([100.0, np.inf])), "plan gives inf tokens of code"),
        (Portions(np.array([101.0, -1.0])), "plan gives -1 tokens of code, .* 0 to 40"),
        (Portions(np.array([58.0, 42.0])), "plan gives 42 tokens of code, .* 0 to 40"),
        (Portions(np.array([65.0, 40.0])), "plan gives 105 tokens where 100 were asked"),
        (Portions(np.array([50.0, 40.0])), "plan gives 90 tokens where 100 were asked"),
    ],
)
def test_what_cannot_be_is_one_line(given: Any, told: str) -> None:
    with pytest.raises(RecipeError, match=f"^./mine.py: {told}") as error:
        checked(given, PARTS, Budget(100), "./mine.py")
    assert "\n" not in str(error.value)


def test_what_can_be_passes() -> None:
    good = Portions(np.array([60, 40]), "two\nlines")  # type: ignore[arg-type]
    portions = checked(good, PARTS, Budget(100), "./mine.py")
    assert portions.tokens.dtype == np.float64
    assert portions.notes == ("two lines",)
    less = Portions(np.array([1.0, 0.0]))
    assert checked(less, PARTS, Budget(None), "./mine.py").tokens.tolist() == [1, 0]
    assert checked_reach(np.int64(160), PARTS, "./mine.py") == 160


@pytest.mark.parametrize("given", [-1, 163, 1.5, float("nan"), None, True, "9"])
def test_a_reach_that_cannot_be_is_one_line(given: Any) -> None:
    with pytest.raises(RecipeError, match=r"^./mine.py: reach gives") as error:
        checked_reach(given, PARTS, "./mine.py")
    assert "\n" not in str(error.value)


def test_repeats_are_taken_as_they_are_written() -> None:
    assert times(2.3, 10) == 23
    assert times(0.29, 100) == 29
    assert times(1.1, 10**13) == 11 * 10**12


@pytest.mark.parametrize("weights", ["[1.0]", "[1.0, float('nan')]", "[1.0, -1.0]", "[1, 1e999]"])
def test_weights_that_are_none_are_one_line(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from dolma_pipe.share_mixer import ShareMixer\n\n\n"
        "class Mine(ShareMixer, frozen=True):\n"
        f"    def weights(self, supply):\n        return {weights}\n"
    )
    with pytest.raises(RecipeError, match=r"^weights are .*, 2 numbers from 0 on are needed$"):
        mixer("./mine.py").plan(PARTS, Budget(10))
