"""What a mixer is: supply and budget in, how much of each out. Arithmetic only, no files."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import RecipeError

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

Repeats = Annotated[float, msgspec.Meta(gt=0, le=1000)]
"""Nobody wants more; copies are counted in 16 bits."""
PositiveInt = Annotated[int, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Curve(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Quality-aware upsampling of one source: the better a document, the more often it is seen."""

    by: str
    """Column of the score, higher is better."""
    max: Repeats = 7.0
    """Mean repeats of the best bucket, at most."""
    discard: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.4
    """Share of the tokens, from the worst up, that is never used; whole buckets."""


class MixSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The recipe's `mix` section. Without one every document is used once."""

    target_tokens: PositiveInt | None = None
    """Tokens of the finished arrays; without it, as many as the shares and caps allow."""
    shares: dict[str, Share] = {}
    """Share of each source in what sources with an exact factor leave; they sum to 1."""
    upsample: dict[str, Repeats | Curve] = {}
    """With a share: the most repeats, or a curve. Without a share: the exact factor. Default 1."""
    surplus: Literal["refuse", "spread"] = "refuse"
    """What a capped source cannot give: refuse the target, or spread it over the other sources."""

    def check(self, sources: Sequence[str]) -> None:
        """Raises RecipeError where the shares are not those of all these sources."""
        if not self.shares:
            return
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            raise RecipeError(f"mix.shares: they sum to {total:.6g}, not to 1")
        for name in sources:
            factor = self.upsample.get(name)
            if name not in self.shares and (factor is None or isinstance(factor, Curve)):
                given = "no exact factor, a curve needs a share" if factor else "no factor"
                raise RecipeError(
                    f"mix.shares: source {name} has no share (0 leaves it out)"
                    f" and {given} in mix.upsample"
                )


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
