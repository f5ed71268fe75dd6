"""Between natural shares and equal ones: in proportion to tokens^(1/T).

Small sources are raised. T = 1 is natural, a large T comes near to equal shares. mT5 (Xue et al.
2021, arXiv 2010.11934) and XLM-R (Conneau et al. 2020, arXiv 1911.02116) took n^.3 for languages,
T = 3.33; Arivazhagan et al. 2019 (arXiv 1907.05019) T = 5.
"""

from typing import Annotated

import msgspec
import numpy as np

from dolma_pipe.mixer import F64, Supply
from dolma_pipe.share_mixer import ShareMixer


class Temperature(ShareMixer, kw_only=True, frozen=True):
    """Shares are n^(1/T) / sum(n^(1/T)), n the tokens of a source, each document once."""

    temperature: Annotated[float, msgspec.Meta(ge=1, le=1000)] = 3.33
    """T."""

    def weights(self, supply: Supply) -> F64:
        tokens = supply.tokens.astype(np.float64)
        return np.where(tokens > 0, tokens ** (1 / self.temperature), 0.0)
