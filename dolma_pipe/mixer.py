"""What a mixer is: supply and budget in, how much of each out. Arithmetic only, no files."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import RecipeError
from dolma_pipe.settings import one_line

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

Repeats = Annotated[float, msgspec.Meta(gt=0, le=1000)]
"""How often a token may come, at most 1000; copies are counted in 16 bits."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
TOLERANCE = 1e-6  # of a sum: curves are solved by bisection


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
    """How much of each. tokens: float64[parts], repeats included. notes: lines for the plan."""

    tokens: F64
    notes: tuple[str, ...] = ()


class Mixer(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of every mixer: one file on the shelf, one subclass in it, settings as fields."""

    def reach(self, supply: Supply) -> int:
        """The largest budget in tokens that `plan` accepts."""
        raise NotImplementedError

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        """Divide the budget: tokens of each part, from 0 to its `most`, that sum to the budget.

        Raises RecipeError where it is out of reach, naming the largest that is not.
        """
        raise NotImplementedError


def supply_of(names: Sequence[str], tokens: I64, most: I64 | None = None) -> Supply:
    """A supply; without `most` each part can be used once."""
    return Supply(tuple(names), tokens, tokens if most is None else most)


def times(factor: float, tokens: int) -> int:
    """Whole tokens in so many repeats, the factor taken as it is written: 2.3 times 10 is 23."""
    return int(Fraction(str(factor)) * tokens)


def checked(portions: Any, supply: Supply, budget: Budget, name: str) -> Portions:
    """What a mixer gave, once it is what a mixer may give; name: the mixer as the recipe says it.

    A token is allowed for rounding, and a millionth for curves solved by bisection. Raises
    RecipeError for the first thing that is wrong: one line with the mixer and the part.
    """
    if not isinstance(portions, Portions):
        raise RecipeError(f"{name}: plan gives {type(portions).__name__}, Portions are needed")
    try:
        tokens = np.asarray(portions.tokens, np.float64)
    except (TypeError, ValueError):
        raise RecipeError(f"{name}: plan gives tokens that are no numbers") from None
    if tokens.shape != (len(supply.names),):
        told = f"tokens of shape {tokens.shape} for {len(supply.names)} parts"
        raise RecipeError(f"{name}: plan gives {told}")
    above = tokens > supply.most * (1 + TOLERANCE) + 1
    wrong = np.flatnonzero(~np.isfinite(tokens) | (tokens < 0) | above)
    if wrong.size:
        part, given, most = supply.names[wrong[0]], tokens[wrong[0]], supply.most[wrong[0]]
        told = f"{given:.16g} tokens of {part}, which can give 0 to {most}"
        raise RecipeError(one_line(f"{name}: plan gives {told}"))
    got = float(tokens.sum())
    if budget.tokens is not None and abs(got - budget.tokens) > 1 + TOLERANCE * budget.tokens:
        raise RecipeError(f"{name}: plan gives {got:.16g} tokens where {budget.tokens} were asked")
    notes = (portions.notes,) if isinstance(portions.notes, str) else portions.notes
    return Portions(tokens, tuple(one_line(note) for note in notes))


def checked_reach(reach: Any, supply: Supply, name: str) -> int:
    """What a mixer says it can give, once it is a number of tokens that is there.

    Raises RecipeError: one line with the mixer.
    """
    most = int(supply.most.sum())
    if isinstance(reach, bool) or not isinstance(reach, int | np.integer):
        raise RecipeError(one_line(f"{name}: reach gives {reach!r:.60}, a whole number is needed"))
    if not 0 <= reach <= most * (1 + TOLERANCE) + len(supply.names):  # each was rounded
        raise RecipeError(f"{name}: reach gives {reach}, there are 0 to {most} tokens")
    return int(reach)


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
    order = np.argsort(-np.round(exact - whole, 9), kind="stable")
    order = order[portions[order] > 0]
    for i in range(left):
        whole[order[i % len(order)]] += 1
    return whole
