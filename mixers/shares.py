"""Fixed shares of a token budget, with a cap on what each source can give."""

from typing import Literal

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import F64, I64, Budget, Mixer, Portions, Share, Supply, largest_remainder


class Shares(Mixer, kw_only=True, frozen=True):
    """Parts are sources; one without a share gets nothing."""

    shares: dict[str, Share]
    """They sum to 1."""
    surplus: Literal["refuse", "spread"] = "refuse"
    """What a capped source cannot give: refuse the budget, or spread it over the others."""

    def reach(self, supply: Supply) -> int:
        shares = self._of(supply)
        if self.surplus == "spread":
            return int(supply.most[shares > 0].sum())
        return min(_limits(shares, supply.most).values(), default=0)

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        """Whole tokens, by largest remainder; without a budget the most that keeps the shares."""
        shares = self._of(supply)
        limits = _limits(shares, supply.most)
        binding = min(limits, key=lambda i: (limits[i], i), default=None)
        exact = 0 if binding is None else limits[binding]
        wanted = self._most(supply, shares, limits) if budget.tokens is None else budget.tokens
        most = max(exact, self.reach(supply))
        name = "no source" if binding is None else supply.names[binding]
        if wanted > most:
            raise RecipeError(_refusal(wanted, most, name, supply, binding, self.surplus))
        quotas = largest_remainder(shares, wanted)
        if wanted <= exact:
            note = (f"the cap of {name} binds",) if budget.tokens is None else ()
            # rounding up may ask one token more than there is
            return Portions(np.minimum(quotas, supply.most).astype(np.float64), note)
        return _spread(shares, supply, wanted)

    def _most(self, supply: Supply, shares: F64, limits: dict[int, int]) -> int:
        """The budget to take when none is given: what the scarcest source can hold its share of.

        Raises RecipeError where a source with a share has nothing at all, unless its share may be
        spread over the others: a mix of nothing is nobody's wish.
        """
        empty = [i for i, limit in limits.items() if limit == 0]
        if empty and self.surplus == "refuse" and supply.most[shares > 0].any():
            raise RecipeError(
                f"mix.shares: {supply.names[empty[0]]} has a share of {shares[empty[0]]:g} and no "
                "tokens are left of it: give it share 0, or say surplus: spread"
            )
        scarcest = min((limit for limit in limits.values() if limit > 0), default=0)
        return min(scarcest, self.reach(supply))

    def _of(self, supply: Supply) -> F64:
        return np.array([self.shares.get(name, 0.0) for name in supply.names])


def _limits(shares: F64, most: I64) -> dict[int, int]:
    """By source with a share: the largest budget whose share of it the source can give."""
    return {
        i: int(int(most[i]) / float(shares[i]) + 1e-6) for i in np.flatnonzero(shares > 0).tolist()
    }


def _spread(shares: F64, supply: Supply, wanted: int) -> Portions:
    """Fill capped sources, divide what is left by the shares of the rest, until no cap breaks."""
    capped = np.zeros(len(shares), bool)
    while True:
        open_ = (shares > 0) & ~capped
        left = wanted - int(supply.most[capped].sum())
        quotas = np.where(capped, supply.most, 0) + largest_remainder(
            np.where(open_, shares, 0.0), left
        )
        over = open_ & (quotas > supply.most)
        if not over.any():
            break
        capped |= over
    asked = largest_remainder(shares, wanted)
    notes = tuple(
        f"{supply.names[i]} can give {supply.most[i]} of {asked[i]} tokens: the rest is spread"
        for i in np.flatnonzero(capped)
    )
    return Portions(quotas.astype(np.float64), notes)


def _refusal(
    wanted: int, most: int, name: str, supply: Supply, binding: int | None, surplus: str
) -> str:
    given = 0 if binding is None else int(supply.most[binding])
    text = f"target of {wanted} tokens is out of reach: {most} is the largest"
    if surplus == "spread":
        return f"{text}, all sources at their caps"
    return f"{text}, as {name} can give {given} (surplus: spread would take the rest from others)"
