"""What mixers within a source have in common: quality buckets, a share to discard, a cap."""

from typing import Annotated

import msgspec
import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import F64, I64, Budget, Mixer, Portions, Repeats, Supply, times

NOTABLE = 0.05  # between the share to discard and the nearest bucket bound


class CurveMixer(Mixer, kw_only=True, frozen=True):
    """Base of mixers whose parts are quality buckets, worst first: a subclass gives `repeats`.

    Bounds come from the tokens, so buckets may be unequal, missing or empty. Without a budget: as
    many tokens as there are, or what the cap allows. `most` of the supply is not looked at.
    """

    max: Repeats = 7.0
    """Mean repeats of the best bucket, at most: M."""
    discard: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.4
    """Share of the tokens that is never used: a. The bucket bound nearest to it is taken."""

    def repeats(self, edges: F64, ratio: float) -> tuple[F64, tuple[str, ...]]:
        """Mean repeats of each bucket that is kept, and what to tell.

        edges: float64[buckets + 1], its bounds on the token CDF from the discarded share on, 0
        first. ratio: Z / X, the integral of the curve; at most max * edges[-1].
        """
        raise NotImplementedError

    def heights(self, x: F64, edges: F64, ratio: float) -> F64 | None:  # noqa: ARG002  to override
        """The curve that `repeats` integrates, at points x from 0 to edges[-1], for who draws it.

        None where a mixer has no curve between its buckets.
        """
        return None

    def curve(self, tokens: I64, wanted: int, points: int) -> tuple[F64, F64] | None:
        """Repeats over the token CDF, float64[points] each, from the first bucket that is used.

        tokens: int64[buckets] of the supply; wanted: what is asked of it.
        """
        edges = edges_of(tokens[tokens > 0])
        first = first_kept(edges, self.discard)
        x = np.linspace(edges[first], edges[-1], points)
        kept = edges[first:] - edges[first]
        y = self.heights(x - edges[first], kept, wanted / max(1, int(tokens.sum())))
        return None if y is None else (x, y)

    def reach(self, supply: Supply) -> int:
        tokens = supply.tokens[supply.tokens > 0]
        kept = tokens[first_kept(edges_of(tokens), self.discard) :]
        return times(self.max, int(kept.sum()))

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        total, most = int(supply.tokens.sum()), self.reach(supply)
        wanted = min(total, most) if budget.tokens is None else budget.tokens
        if wanted > most:
            raise RecipeError(
                f"{wanted} tokens are out of reach: {most} is most"
                f" with max {self.max:g} and discard {self.discard:g}"
            )
        portions = np.zeros(len(supply.tokens))
        if wanted == 0:
            return Portions(portions)
        filled = np.flatnonzero(supply.tokens > 0)
        edges = edges_of(supply.tokens[filled])
        first = first_kept(edges, self.discard)
        repeats, notes = self.repeats(edges[first:] - edges[first], wanted / total)
        kept = filled[first:]
        portions[kept] = repeats * supply.tokens[kept]
        if abs(edges[first] - self.discard) > NOTABLE:
            told = f"scores are too alike to discard {self.discard:.0%}: {edges[first]:.0%} it is"
            notes = (*notes, told)
        return Portions(portions, notes)


def edges_of(tokens: I64) -> F64:
    """Bounds of the buckets on the token CDF, float64[buckets + 1] from 0 to 1."""
    ends = np.concatenate([[0.0], np.cumsum(tokens)])
    return np.asarray(ends / max(1.0, float(ends[-1])))


def first_kept(edges: F64, discard: float) -> int:
    """The first bucket that is used: real buckets are unequal, so the bound nearest to discard.

    The last bucket is always kept.
    """
    return int(np.argmin(np.abs(edges[:-1] - discard))) if len(edges) > 1 else 0
