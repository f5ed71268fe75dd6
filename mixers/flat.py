"""The same factor for every part: what the budget asks, up to a maximum of repeats."""

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Budget, Mixer, Portions, Repeats, Supply, times


class Flat(Mixer, kw_only=True, frozen=True):
    """Each part in proportion to its tokens."""

    max: Repeats = 1.0
    """Repeats of the whole, at most."""

    def reach(self, supply: Supply) -> int:
        return times(self.max, int(supply.tokens.sum()))

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        most = self.reach(supply)
        wanted = most if budget.tokens is None else budget.tokens
        if wanted > most:
            raise RecipeError(
                f"{wanted} tokens are out of reach, {most} at {self.max:g} repeats is most"
            )
        factor = wanted / max(1, int(supply.tokens.sum()))
        return Portions(supply.tokens.astype(np.float64) * factor)
