"""Every part in proportion to its tokens."""

import numpy as np

from dolma_pipe.mixer import Budget, Mixer, Portions, Supply


class Natural(Mixer, kw_only=True, frozen=True):
    """Parts are sources; the largest budget is what the scarcest of them can give its share of."""

    def reach(self, supply: Supply) -> int:
        return int(supply.most.sum())

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        wanted = self.reach(supply) if budget.tokens is None else budget.tokens
        return Portions((supply.most * (wanted / max(1, self.reach(supply)))).astype(np.float64))
