"""What an ablation is asked for, and what a preset means here."""

from pathlib import Path
from typing import Literal, NamedTuple

Preset = Literal["olmo-1m", "olmo-20m"]
LABELS = ("A", "B")


class Scale(NamedTuple):
    """How a preset is trained. length: targets of an instance; batch: instances of a step;
    vocabulary: ids of the tokenizer that is trained for it, None: the recipes bring theirs;
    evaluated: tokens of each held-out source, at most."""

    length: int
    batch: int
    lr: float
    vocabulary: int | None
    evaluated: int

    @property
    def step_tokens(self) -> int:
        return self.length * self.batch


SCALES: dict[Preset, Scale] = {
    "olmo-1m": Scale(length=256, batch=16, lr=1e-2, vocabulary=4096, evaluated=20_000),
    "olmo-20m": Scale(length=1024, batch=32, lr=6e-4, vocabulary=None, evaluated=500_000),
}
"""lr of olmo-1m: of 74 steps those at 1e-2 ended at a loss of 6.22, at 3e-3 6.48, at 6e-4 7.04."""


class AblationSettings(NamedTuple):
    """recipes: A and B. tokens: that each model is trained on. held_out: token arrays to measure
    on; none: documents held out of each recipe, `share` of them."""

    recipes: tuple[Path, Path]
    preset: Preset
    tokens: int
    seeds: int
    held_out: tuple[str, ...]
    share: float
    work: Path
    workers: int | None
    device: Literal["auto", "cpu", "cuda"]

    @property
    def scale(self) -> Scale:
        return SCALES[self.preset]
