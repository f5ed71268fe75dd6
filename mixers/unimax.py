"""Equal shares, but no source more often than it bears: UniMax.

Chung et al. 2023 (arXiv 2304.09151), algorithm 1: from the smallest source to the largest, each
gets what is left of the budget divided by the number of sources left, or `max` epochs of itself
where that is less.
"""

import numpy as np

from dolma_pipe.mixer import F64, I64, Budget, Portions, Repeats, Supply, times
from dolma_pipe.share_mixer import ShareMixer, listed

ROUNDED = 0.999
"""What groups can give is rounded down in each: so near to `max` is not below it."""


class Unimax(ShareMixer, kw_only=True, frozen=True):
    """Without a budget every source is used as often as its cap allows."""

    max: Repeats | None = None
    """Epochs of a source, at most: N. Null: what max_repeats and upsample of the mix allow, which
    bind in any case."""

    def weights(self, supply: Supply) -> F64:
        return (supply.tokens > 0).astype(np.float64)

    def caps(self, supply: Supply) -> I64:
        return np.minimum(supply.most, self._epochs(supply))

    def unasked(self, supply: Supply) -> int:
        return self.reach(supply)

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        portions = super().plan(supply, budget)
        full = portions.tokens >= supply.most
        held = np.flatnonzero(full & (supply.most < ROUNDED * self._epochs(supply)))
        if self.max is None or not held.size:
            return portions
        told = f"max_repeats or upsample of the mix hold {listed(supply.names, held)}"
        return portions._replace(notes=(*portions.notes, f"{told} below max, {self.max:g} epochs"))

    def _epochs(self, supply: Supply) -> I64:
        """int64[parts]: `max` epochs of each; without max what they can give."""
        if self.max is None:
            return supply.most
        return np.array([times(self.max, tokens) for tokens in supply.tokens.tolist()], np.int64)
