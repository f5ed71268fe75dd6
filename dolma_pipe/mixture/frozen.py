"""Domains whose ratios among each other stay as they are: each group is one virtual domain.

So does mixture reuse in Olmix (arXiv 2602.12237): an old mixture stays, a new source is weighed
against all of it, and the number of runs follows the number of virtual domains.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.given import amount
from dolma_pipe.settings import nearest

KEPT = 1e-3
"""Of a domain's share within its group: how far a run may be from the frozen one."""


class Grouping(NamedTuple):
    """inside: float64[domains, groups], the share of a domain in its group; columns sum to 1.

    names: of the groups: a domain of its own has its own name, a frozen group `web+code`.
    """

    names: tuple[str, ...]
    inside: F64

    @property
    def members(self) -> F64:
        """float64[domains, groups], 1 where a domain belongs to the group."""
        return (self.inside > 0).astype(np.float64)

    def kept_by(self, weights: F64) -> bool:
        """Whether all runs (weights: float64[runs, domains]) have the frozen ratios."""
        sums = weights @ self.members
        return bool((np.abs(weights - sums @ self.inside.T) <= KEPT * sums @ self.members.T).all())


def grouping(frozen: Sequence[str], domains: Sequence[str], prior: F64) -> Grouping:
    """The groups of some `web=0.7,code=0.3`, or `web,code`: as in the prior. Raises RecipeError."""
    taken: set[str] = set()
    groups: list[tuple[str, dict[str, float]]] = []
    for given in frozen:
        ratios = _ratios(given, domains, prior)
        if twice := taken & set(ratios):
            raise RecipeError(f"--frozen: {min(twice)} is in two groups, or twice in one")
        taken |= set(ratios)
        groups.append(("+".join(ratios), ratios))
    groups += [(name, {name: 1.0}) for name in domains if name not in taken]
    groups.sort(key=lambda group: min(domains.index(name) for name in group[1]))
    inside = np.zeros((len(domains), len(groups)))
    for column, (_, ratios) in enumerate(groups):
        for name, ratio in ratios.items():
            inside[domains.index(name), column] = ratio
    return Grouping(tuple(name for name, _ in groups), inside)


def _ratios(given: str, domains: Sequence[str], prior: F64) -> dict[str, float]:
    """The share of each member in one group."""
    pairs = [pair.partition("=") for pair in given.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    for name in names:
        if name not in domains:
            raise RecipeError(f"--frozen: unknown domain '{name}'{nearest(name, list(domains))}")
    if len(names) < 2 or len({sign for _, sign, _ in pairs}) > 1:
        raise RecipeError(f"--frozen: '{given}' is neither web=0.7,code=0.3 nor web,code")
    if len(set(names)) < len(names):
        raise RecipeError(f"--frozen: '{given}' names a domain twice")
    if pairs[0][1]:
        ratios = [amount(value, f"--frozen: {name}") for name, _, value in pairs]
    else:
        ratios = [float(prior[domains.index(name)]) for name in names]
    for name, ratio in zip(names, ratios, strict=True):
        if ratio <= 0:
            raise RecipeError(f"--frozen: {name} has no share in '{given}'")
    return {name: ratio / sum(ratios) for name, ratio in zip(names, ratios, strict=True)}
