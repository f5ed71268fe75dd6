"""What a mixer gives is looked at before it is believed: a user's own can be anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget, Portions, checked, checked_reach, times
from tests.mixers.made import mixer, supply

PARTS = supply([60, 40], [120, 40], "web code")
DOCS = (Path(__file__).parents[2] / "docs" / "mixing.md").read_text(encoding="utf-8")


def block(marked: str) -> str:
    """The first indented block of docs/mixing.md after a heading."""
    lines = DOCS.split(f"## {marked}\n", 1)[1].splitlines()
    taken: list[str] = []
    for line in lines:
        if line.startswith("    ") or (taken and not line):
            taken.append(line[4:])
        elif taken:
            break
    return "\n".join(taken).strip() + "\n"


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


def test_a_mixer_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = block("A mixer of your own")
    assert len([line for line in source.splitlines() if line]) < 20
    Path("mine.py").write_text(source)
    parts = supply([32_000, 4_000, 1_000], [64_000, 8_000, 2_000], "web code wiki")
    made = mixer("./mine.py", least=1000)
    portions = checked(made.plan(parts, Budget(8000)), parts, Budget(8000), "./mine.py")
    assert portions.tokens.tolist() == [4800, 2400, 800]
    assert made.reach(parts) == 74_000
    full = made.plan(parts, Budget(30_000))
    assert full.tokens.tolist() == [20_000, 8_000, 2_000]
    assert full.notes[0].startswith("code can give 8000 of 9000")


def test_a_curve_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = block("A curve of your own")
    assert len([line for line in source.splitlines() if line]) < 20
    Path("best.py").write_text(source)
    made = mixer("./best.py", max=4, discard=0.2)
    portions = made.plan(supply([10] * 10), Budget(100))
    assert portions.tokens == pytest.approx([0] * 7 + [20, 40, 40])
    assert made.reach(supply([10] * 10)) == 320


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
