"""Fixed shares of a token budget, with a cap on what each source can give."""

from typing import Literal

import numpy as np

from dolma_pipe.mixer import F64, Share, Supply
from dolma_pipe.share_mixer import ShareMixer


class Shares(ShareMixer, kw_only=True, frozen=True):
    """Parts are sources; one without a share gets nothing."""

    shares: dict[str, Share]
    """They sum to 1."""
    surplus: Literal["refuse", "spread"] = "refuse"
    """What a capped source cannot give: refuse the budget, or spread it over the others."""

    def weights(self, supply: Supply) -> F64:
        return np.array([self.shares.get(name, 0.0) for name in supply.names])
