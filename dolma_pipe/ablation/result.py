"""What an ablation has found: ablation.json."""

import msgspec

from dolma_pipe.ablation.curation import Side
from dolma_pipe.ablation.intervals import Difference
from dolma_pipe.ablation.yardstick import Fate

MACRO, MICRO = "macro average", "micro average"


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """How a recipe was trained on: of each seed the same. tokens: targets, all epochs together."""

    steps: int
    tokens: int
    epochs: float
    runs: list[str]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A source, or an average of all. A, B: bits per byte of each seed; difference: B - A."""

    name: str
    documents: int
    bytes: int
    A: list[float]
    B: list[float]
    difference: Difference


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A yardstick; the last two rows are the macro average, which decides, and the micro one."""

    name: str
    folder: str
    documents: Fate
    rows: list[Row]

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result."""

    preset: str
    parameters: int
    tokenizer: str
    tokens: int
    seeds: list[int]
    recipes: dict[str, Side]
    trained: dict[str, Trained]
    yardsticks: list[Measured]
    notes: list[str]
    verdict: str
