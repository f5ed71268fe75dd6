"""What mixers that divide a budget in fixed proportions have in common: caps, surplus, rounding."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import F64, I64, Budget, Mixer, Portions, Supply, largest_remainder
from dolma_pipe.settings import one_line

MaxShare = Annotated[float, msgspec.Meta(gt=0, le=1)]
Bool = npt.NDArray[np.bool_]
TOLD = 5  # parts that a note names
SLACK = 1e-12  # of shares that sum to 1
TINY = 1e-300


class ShareMixer(Mixer, kw_only=True, frozen=True):
    """Base of mixers among sources, or among the groups of one: a subclass gives `weights`.

    No part gives more than its cap, nor more than max_share of the mix (rounded up to a token).
    Without a budget: the most that keeps the proportions of all parts that have tokens.
    """

    surplus: Literal["refuse", "spread"] = "spread"
    """What a capped part cannot give: refuse the budget, or spread it over the others."""
    max_share: MaxShare | dict[str, MaxShare] = 1.0
    """No part is more of the mix: one number for all, or by part. What is above is spread."""

    def weights(self, supply: Supply) -> F64:
        """float64[parts], in proportion to the shares; 0 leaves a part out."""
        raise NotImplementedError

    def caps(self, supply: Supply) -> I64:
        """int64[parts]: tokens that a part can give."""
        return supply.most

    def unasked(self, supply: Supply) -> int:
        """The budget to take where none is given: the most that keeps the proportions.

        Raises RecipeError where a part with a share has nothing at all, unless its share may be
        spread over the others: a mix of nothing is nobody's wish.
        """
        rule = self._rule(supply)
        if self.surplus == "refuse" and rule.caps[rule.weights > 0].any():
            for i in np.flatnonzero((rule.weights > 0) & (rule.caps == 0))[:1]:
                raise RecipeError(
                    f"{supply.names[i]} has a share of {rule.weights[i] / rule.weights.sum():g} and"
                    " no tokens are left of it: give it share 0, or say surplus: spread"
                )
        return _exact(rule.where(rule.caps > 0))[0]

    def reach(self, supply: Supply) -> int:
        rule = self._rule(supply)
        return _exact(rule)[0] if self.surplus == "refuse" else _most(rule)

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        """Whole tokens, by largest remainder."""
        rule = self._rule(supply)
        if budget.tokens != 0:
            _check_held(supply.names, rule.where(rule.caps > 0))
        wanted = self.unasked(supply) if budget.tokens is None else budget.tokens
        most = self.reach(supply)
        if wanted > most:
            text = f"target of {wanted:,} tokens is out of reach: {most:,} is the largest"
            raise RecipeError(f"{text}, {self._why(supply, rule, most)}")
        held = np.ceil(rule.held * wanted * (1 + SLACK) - 1e-6).astype(np.int64)
        limits = np.minimum(rule.caps, held)
        quotas = spread(rule.weights, limits, wanted)
        if budget.tokens is None:
            notes = _unasked_notes(supply.names, rule, quotas)
        else:
            asked = largest_remainder(rule.weights, wanted)
            notes = _notes(supply.names, asked, quotas, rule.caps, limits)
        return Portions(quotas.astype(np.float64), tuple(notes))

    def _rule(self, supply: Supply) -> "_Rule":
        weights = np.asarray(self.weights(supply), np.float64)
        parts = len(supply.names)
        if weights.shape != (parts,) or not (np.isfinite(weights) & (weights >= 0)).all():
            told = np.array2string(weights, threshold=6)
            raise RecipeError(
                one_line(f"weights are {told:.100}, {parts} numbers from 0 on are needed")
            )
        by_part = self.max_share if isinstance(self.max_share, dict) else {}
        default = 1.0 if isinstance(self.max_share, dict) else self.max_share
        held = np.array([by_part.get(name, default) for name in supply.names])
        return _Rule(weights / max(weights.max(initial=0.0), TINY), self.caps(supply), held)

    def _why(self, supply: Supply, rule: "_Rule", most: int) -> str:
        """What keeps the largest budget from being larger."""
        if self.surplus == "refuse":
            scarcest = _exact(rule)[1]
            name = "no source" if scarcest is None else supply.names[scarcest]
            given = 0 if scarcest is None else rule.caps[scarcest]
            return f"as {name} can give {given:,} (surplus: spread would take the rest from others)"
        at_share = np.flatnonzero((rule.weights > 0) & (rule.held * most < rule.caps))
        if not at_share.size:
            return "all at their caps"
        return f"{listed(supply.names, at_share)} at max_share, the others at their caps"


class _Rule(NamedTuple):
    """weights: float64[parts]. caps: int64[parts] tokens. held: float64[parts], max_share."""

    weights: F64
    caps: I64
    held: F64

    def where(self, chosen: Bool) -> "_Rule":
        """The same with weights of 0 elsewhere; chosen: bool[parts]."""
        return self._replace(weights=np.where(chosen, self.weights, 0.0))


def _check_held(names: Sequence[str], rule: _Rule) -> None:
    """Raises RecipeError where max_share leaves some of the mix to nobody."""
    taking = np.flatnonzero(rule.weights > 0)
    filled = float(rule.held[taking].sum())
    if taking.size and filled < 1 - SLACK:
        told = f"max_share of {listed(names, taking)} makes {filled:.12g} of a mix"
        raise RecipeError(f"{told}, 1 is needed: 0 tokens is the largest target")


def spread(weights: F64, caps: I64, wanted: int) -> I64:
    """Divide wanted tokens by weights, none above its cap; surplus goes to the rest by weight.

    float64[n], int64[n]. Whole tokens that sum to wanted, or to the caps of all parts with a weight
    where that is less.
    """
    filled = fill(weights, caps.astype(np.float64), float(wanted))
    total = min(wanted, int(caps[weights > 0].sum()))
    quotas = np.minimum(largest_remainder(filled, total), caps)
    missing = total - int(quotas.sum())
    for i in np.flatnonzero((weights > 0) & (quotas < caps)) if missing else ():
        given = min(missing, int(caps[i] - quotas[i]))  # what rounding had put above a cap
        quotas[i] += given
        missing -= given
    return quotas


def fill(weights: F64, caps: F64, total: float) -> F64:
    """The same before rounding: water poured into vessels as wide as the weights, as high as their
    cap by weight. float64[n]."""
    filled = np.zeros(len(weights))
    some = np.flatnonzero(weights > 0)
    with np.errstate(over="ignore"):
        height = caps[some] / weights[some]
    order = some[np.argsort(height, kind="stable")]
    left = total - np.concatenate([[0.0], np.cumsum(caps[order])])
    width = np.cumsum(weights[order][::-1])[::-1]
    full = left[:-1] * weights[order] >= caps[order] * width
    count = int(np.argmin(np.append(full, False)))  # full vessels come first
    filled[order[:count]] = caps[order[:count]]
    if count < len(order):
        filled[order[count:]] = weights[order[count:]] * (left[count] / width[count])
    return filled


def _exact(rule: _Rule) -> tuple[int, int | None]:
    """The largest budget of which every part can give its share, and the part that binds.

    Shares above max_share are spread first. 0 and None where nothing can be given.
    """
    some = np.flatnonzero(rule.weights > 0)
    if not some.size or rule.held[some].sum() < 1 - SLACK:
        return 0, None
    shares = fill(rule.weights / rule.weights.sum(), rule.held, 1.0)[some]
    with np.errstate(over="ignore", divide="ignore"):  # a share of next to nothing never binds
        limits = np.where(rule.caps[some] > 0, rule.caps[some] / shares, 0.0)
    scarcest = int(np.argmin(limits))
    return _floor(float(limits[scarcest]), int(rule.caps[some].sum())), int(some[scarcest])


def _most(rule: _Rule) -> int:
    """The largest budget b with sum(min(caps, held * b)) >= b.

    That holds if it does for every choice of parts at their caps, the others at held * b; of all
    choices those bind that begin with the least caps / held.
    """
    some = rule.weights > 0
    caps, held = rule.caps[some], rule.held[some]
    order = np.argsort(caps / held, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(caps[order])])
    rest = np.append(np.cumsum(held[order][::-1])[::-1], 0.0)
    binding = rest < 1 - SLACK
    return _floor(float((before[binding] / (1 - rest[binding])).min()), int(caps.sum()))


def _floor(bound: float, most: int) -> int:
    """Whole tokens, at most those that there are: 5 / .2 is 25 even where floats say 24.99..."""
    return int(min(bound * (1 + 1e-14) + 1e-6, float(most)))


def _unasked_notes(names: Sequence[str], rule: _Rule, quotas: I64) -> list[str]:
    """Who keeps a mix without a budget from being larger, where somebody has tokens left."""
    some = (rule.weights > 0) & (rule.caps > 0)
    full = some & (quotas == rule.caps)
    if not some.any() or (full == some).all():
        return []
    return [f"the cap of {listed(names, np.flatnonzero(full))} binds"] if full.any() else []


def _notes(names: Sequence[str], asked: I64, quotas: I64, caps: I64, limits: I64) -> list[str]:
    """Which caps bind, and how much was spread over whom."""
    lost = np.where(quotas == limits, np.maximum(asked - quotas, 0), 0)
    if not lost.any():
        return []
    capped = np.argsort(-lost, kind="stable")[: np.count_nonzero(lost)]
    notes = []
    for i in capped[:TOLD]:
        held = "can give" if quotas[i] == caps[i] else "is held by max_share at"
        notes.append(f"{names[i]} {held} {quotas[i]:,} of {asked[i]:,} tokens: the rest is spread")
    if len(capped) > TOLD:
        notes.append(f"{len(capped) - TOLD} others are capped as well")
    takers = np.flatnonzero(quotas > asked)
    notes.append(f"{lost.sum():,} tokens are spread over {listed(names, takers)}")
    if full := listed(names, takers[quotas[takers] == limits[takers]]):
        notes.append(f"that brings {full} to the cap, too")
    return notes


def listed(names: Sequence[str], parts: I64) -> str:
    """The first few, and how many more."""
    more = f" and {len(parts) - TOLD} others" if len(parts) > TOLD else ""
    return ", ".join(names[i] for i in parts[:TOLD].tolist()) + more
