"""What there is of each domain, how often it may be repeated, and the shares that this allows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.manifest import read_record
from dolma_pipe.mix_settings import Curve, MixSettings
from dolma_pipe.mixture.frozen import Grouping
from dolma_pipe.recipe import Recipe
from dolma_pipe.work import Work


class Stock(NamedTuple):
    """tokens: float64[domains], each once; repeats: float64[domains], the most of each."""

    tokens: F64
    repeats: F64

    def caps(self, target: float) -> F64:
        """The largest share of each domain in so many tokens, at most 1."""
        return np.minimum(1.0, self.tokens * self.repeats / target)


def encoded_tokens(recipe: Recipe, work: Work) -> dict[str, float]:
    """Tokens of each source after all stages before the mix, as the last run has encoded them.

    Raises InputError where shards are not encoded: sizes in bytes say little of tokens, and
    nothing of what filters and deduplication will leave.
    """
    found: dict[str, float] = {source.name: 0.0 for source in recipe.sources}
    for shard in recipe.inputs():
        record = read_record(work, "encode", shard.key)
        if record is None:
            raise InputError(
                f"{shard.key} is not encoded in {work.root}: dolma-pipe run the recipe first, or "
                "give the tokens of each source with --supply"
            )
        found[shard.source] += record.counts["tokens"]
    return found


def most_repeats(mix: MixSettings | None, domains: Sequence[str], default: float) -> F64:
    """float64[domains]: what the recipe's `upsample` says, else the default.

    A curve gives max x (1 - discard), but for the rounding of its buckets.
    """
    upsample = mix.upsample if mix is not None else {}

    def most(name: str) -> float:
        factor = upsample.get(name, default)
        return factor.max * (1 - factor.discard) if isinstance(factor, Curve) else float(factor)

    return np.array([most(name) for name in domains], np.float64)


def group_caps(caps: F64, grouping: Grouping) -> F64:
    """float64[groups]: a frozen group is held by the member that runs out first."""
    of_members = caps[:, None] / np.where(grouping.inside > 0, grouping.inside, np.nan)
    return np.asarray(np.minimum(1.0, np.nanmin(of_members, axis=0)))


def check_reach(stock: Stock, grouping: Grouping, target: float, usable: F64) -> None:
    """Raises RecipeError where no mixture gives the target, naming the largest that one does.

    usable: float64[groups], above 0 for those that may be in the mixture.
    """
    inside = np.where(grouping.inside > 0, grouping.inside, np.nan)
    most = np.nanmin((stock.tokens * stock.repeats)[:, None] / inside, axis=0)
    largest = int(most[usable > 0].sum() * (1 + 1e-12))
    if target > largest:
        raise RecipeError(
            f"{target:,.0f} tokens are out of reach, {largest:,} is the largest target with "
            "this supply, mix.upsample and --max-repeats"
        )
