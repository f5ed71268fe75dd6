"""The numbers of docs/mixing.md and the mixers of docs/mixers.md are those that come out."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.mixer import Budget, checked
from dolma_pipe.settings import read_yaml
from dolma_pipe.shelf import names
from tests.docs.pages import blocks
from tests.mixers.made import mixer, supply

FOLDER = Path(__file__).parents[2] / "docs"
DOCS = (FOLDER / "mixing.md").read_text(encoding="utf-8")


def table(first: str) -> list[list[str]]:
    """The cells of the table whose heading begins so."""
    lines = DOCS.split(f"| {first} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def block(name: str) -> str:
    """The file that docs/mixers.md shows under this name."""
    return next(b.text for b in blocks(FOLDER / "mixers.md") if b.title == name)


def test_every_mixer_is_told() -> None:
    told = [row[0].strip("`") for row in [*table("among sources"), *table("within a source")]]
    assert sorted(told) == names("mixers")


def test_the_example_of_three_sources(tmp_path: Path) -> None:
    parts = supply([800, 150, 50], [3200, 600, 200], "en fr yo")
    rows = table("en | fr | yo")
    assert len(rows) == 9
    for asked, *tokens, told in rows[1:]:
        given, target = re.fullmatch(r"`(.+)`.*, (.+)", asked).groups()  # type: ignore[union-attr]
        (tmp_path / "mixer.yaml").write_text(given)
        named: Any = read_yaml(tmp_path / "mixer.yaml")
        name, settings = next(iter(named.items())) if isinstance(named, dict) else (named, {})
        if name == "shares":
            settings = {"shares": {"en": 0.5, "fr": 0.3, "yo": 0.2}}
        budget = Budget(None if target == "no target" else int(target))
        portions = mixer(name, **settings).plan(parts, budget)
        assert portions.tokens.tolist() == [float(cell) for cell in tokens]
        assert (portions.notes or ("",))[0] == told


def test_the_table_of_curves() -> None:
    rows = table("Z/X")
    assert len(rows) > 15
    for ratio, curve, *cells in rows:
        name, _, power = curve.partition(", power ")
        settings = {"power": int(power)} if power else {}
        target = Budget(int(float(ratio) * 20_000_000))
        repeats = mixer(name, **settings).plan(supply([1_000_000] * 20), target).tokens / 1e6
        shown = [float(cell) for cell in cells[:-2]]
        assert repeats[[8, 10, 12, 14, 16, 18, 19]] == pytest.approx(shown, abs=0.0051)
        middles = np.arange(0.025, 1, 0.05)
        used = np.minimum(repeats, 1).mean(), (repeats * middles).sum() / repeats.sum()
        assert [f"{share:.0%}" for share in used] == cells[-2:]


def test_a_mixer_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = block("mine.py")
    assert len([line for line in source.splitlines() if line]) < 20
    Path("mine.py").write_text(source)
    parts = supply([32_000, 4_000, 1_000], [64_000, 8_000, 2_000], "web code wiki")
    made = mixer("./mine.py", least=1000)
    portions = checked(made.plan(parts, Budget(8000)), parts, Budget(8000), "./mine.py")
    assert portions.tokens.tolist() == [4800, 2400, 800]
    assert made.reach(parts) == 74_000
    full = made.plan(parts, Budget(30_000))
    assert full.tokens.tolist() == [20_000, 8_000, 2_000]
    assert full.notes[0].startswith("code can give 8,000 of 9,000")


def test_a_curve_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = block("best.py")
    assert len([line for line in source.splitlines() if line]) < 20
    Path("best.py").write_text(source)
    made = mixer("./best.py", max=4, discard=0.2)
    portions = made.plan(supply([10] * 10), Budget(100))
    assert portions.tokens == pytest.approx([0] * 7 + [20, 40, 40])
    assert made.reach(supply([10] * 10)) == 320


def test_a_mixer_from_the_ground_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("order.py").write_text(block("in_order.py"))
    parts = supply([30, 20, 10], [60, 20, 10], "web code wiki")
    portions = mixer("./order.py").plan(parts, Budget(65))
    assert checked(portions, parts, Budget(65), "./order.py").tokens.tolist() == [60, 5, 0]
    assert mixer("./order.py").plan(parts, Budget(None)).tokens.tolist() == [60, 20, 10]
    assert mixer("./order.py").reach(parts) == 90
