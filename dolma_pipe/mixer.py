"""What a mixer is: supply and budget in, how much of each out. Arithmetic only, no files."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

Repeats = Annotated[float, msgspec.Meta(gt=0, le=1000)]
"""Nobody wants more; copies are counted in 16 bits."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Supply(NamedTuple):
    """What there is, in parts: the sources, or the quality buckets of a source from worst to best.

    tokens: int64[parts], each document once. most: int64[parts], tokens that a part can give with
    all the repeats that it may have.
    """

    names: tuple[str, ...]
    tokens: I64
    most: I64


class Budget(NamedTuple):
    """Tokens wanted in all; None: as many as can be had."""

    tokens: int | None


class Portions(NamedTuple):
    """How much of each: float64[parts] tokens, and what to tell about it."""

    tokens: F64
    notes: tuple[str, ...] = ()


class Mixer(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of every mixer: one file on the shelf, one subclass in it, settings as fields."""

    def reach(self, supply: Supply) -> int:
        """The largest budget in tokens that `plan` accepts."""
        raise NotImplementedError

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        """Divide the budget. Raises RecipeError where it is out of reach, naming the largest."""
        raise NotImplementedError


def supply_of(names: Sequence[str], tokens: I64, most: I64 | None = None) -> Supply:
    """A supply; without `most` each part can be used once."""
    return Supply(tuple(names), tokens, tokens if most is None else most)


def largest_remainder(portions: F64, total: int) -> I64:
    """Round portions (float64[n], scaled to sum to total) to whole numbers that sum to total.

    Every portion is rounded down, and the units left go to the largest fractions, the first of
    equals first.
    """
    if portions.sum() <= 0:
        return np.zeros(len(portions), np.int64)
    exact = portions / portions.sum() * total
    # 0.29 * 100 is 28.999999999999996 and means 29
    whole: I64 = np.floor(exact + 1e-9).astype(np.int64)
    left = total - int(whole.sum())
    order = np.argsort(-(exact - whole), kind="stable")
    order = order[portions[order] > 0]
    for i in range(left):
        whole[order[i % len(order)]] += 1
    return whole
