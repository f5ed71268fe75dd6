"""Equal shares, but no source more often than it bears: UniMax.

Chung et al. 2023 (arXiv 2304.09151), algorithm 1: from the smallest source to the largest, each
gets what is left of the budget divided by the number of sources left, or `max` epochs of itself
where that is less.
"""

import numpy as np

from dolma_pipe.mixer import F64, I64, Repeats, Supply, times
from dolma_pipe.share_mixer import ShareMixer


class Unimax(ShareMixer, kw_only=True, frozen=True):
    """Without a budget every source is used as often as its cap allows."""

    max: Repeats | None = None
    """Epochs of a source, at most: N. Null: what max_repeats and upsample of the mix allow, which
    bind in any case."""

    def weights(self, supply: Supply) -> F64:
        return (supply.tokens > 0).astype(np.float64)

    def caps(self, supply: Supply) -> I64:
        if self.max is None:
            return supply.most
        epochs = [times(self.max, tokens) for tokens in supply.tokens.tolist()]
        return np.minimum(supply.most, np.array(epochs, np.int64))

    def unasked(self, supply: Supply) -> int:
        return self.reach(supply)
