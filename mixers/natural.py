"""Every source in proportion to the tokens that it has."""

import numpy as np

from dolma_pipe.mixer import F64, Supply
from dolma_pipe.share_mixer import ShareMixer


class Natural(ShareMixer, kw_only=True, frozen=True):
    """Shares are n / sum(n), n the tokens of a source, each document once.

    Where a target asks more than a cap allows, the others give the rest.
    """

    def weights(self, supply: Supply) -> F64:
        return supply.tokens.astype(np.float64)
