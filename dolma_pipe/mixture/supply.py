"""What there is of each domain, how often it may be repeated, and the shares that this allows."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.engine.choice import EngineChoice, new_engine
from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.manifest import read_record
from dolma_pipe.mix_settings import LENGTH, Curve, MixSettings
from dolma_pipe.mixer import times
from dolma_pipe.mixture.frozen import Grouping
from dolma_pipe.passes.mix import source_tasks
from dolma_pipe.recipe import Recipe
from dolma_pipe.stages.mix.divide import reach_of
from dolma_pipe.stages.mix.documents import SourceTask
from dolma_pipe.stages.mix.supply import SourceSupply
from dolma_pipe.work import Work


class Stock(NamedTuple):
    """tokens: float64[domains], each once, without what is held out; most: float64[domains], whole
    tokens with all the repeats that the mix allows."""

    tokens: F64
    most: F64

    def caps(self, target: float) -> F64:
        """The largest share of each domain in so many tokens, at most 1."""
        return np.minimum(1.0, self.most / target)


def swarm_settings(mix: MixSettings | None, max_repeats: float) -> MixSettings:
    """The mix section without what a mixture says anew: target, shares and mixer.

    Raises RecipeError where a group has an exact factor: its source could not give less.
    """
    settings = msgspec.structs.replace(
        mix or MixSettings(), target_tokens=None, shares={}, mixer=None, max_repeats=max_repeats
    )
    for source, groups in settings.groups.items():
        for name, factor in groups.upsample.items():
            if name not in groups.shares and not isinstance(factor, Curve):
                raise RecipeError(
                    f"mix.groups.{source}.upsample: {name} has an exact factor, but the tokens of"
                    f" {source} vary: give the groups shares"
                )
    return settings


def given_stock(tokens: F64, domains: Sequence[str], settings: MixSettings) -> Stock:
    """The stock of sources that are not encoded yet, from tokens that somebody gives.

    tokens: float64[domains]. A curve allows max x (1 - discard), but for the rounding of its
    buckets; groups are not looked at.
    """
    held_out = np.array([settings.held_out_of(name) for name in domains])
    usable = np.floor(tokens * (1 - held_out) + 1e-6)
    most = [_most(settings, *each) for each in zip(domains, usable.tolist(), strict=True)]
    return Stock(usable, np.array(most, np.float64))


def _most(settings: MixSettings, name: str, tokens: float) -> int:
    factor = settings.factor_of(name)
    if isinstance(factor, Curve):
        return int(factor.max * (1 - factor.discard) * tokens + 1e-6)
    return times(factor, int(tokens))


def encoded_stock(
    recipe: Recipe, work: Work, domains: Sequence[str], settings: MixSettings
) -> Stock:
    """The stock as the plan of a run would find it: exact, by groups and quality buckets.

    Raises InputError where shards are not encoded: sizes in bytes say little of tokens, and
    nothing of what filters and deduplication will leave.
    """
    recipe = msgspec.structs.replace(recipe, mix=settings, sources=recipe.chosen(domains))
    tasks = source_tasks(recipe, work, recipe.inputs())
    for task in tasks:
        _check_encoded(task)
    engine = new_engine(EngineChoice(), work.root)
    try:
        asked = [Task(task.name, dict(msgspec.to_builtins(task))) for task in tasks]
        measured = succeed(engine.map("dolma_pipe.stages.mix.supply:measure_source", asked))
    finally:
        engine.close()
    supplies = [msgspec.convert(measured[name], SourceSupply) for name in domains]
    tokens = [sum(group.available.tokens for group in supply.groups) for supply in supplies]
    most = [reach_of(supply, settings) for supply in supplies]
    return Stock(np.array(tokens, np.float64), np.array(most, np.float64))


def _check_encoded(task: SourceTask) -> None:
    """Raises InputError where the last run has not encoded a shard, or made no column of it."""
    columns = {curve.by for _, curve in task.settings.curves_of(task.name)}
    if (groups := task.settings.groups.get(task.name)) and groups.by != LENGTH:
        columns.add(groups.by)
    advice = "dolma-pipe run the recipe first, or give the tokens of each source with --supply"
    for shard in task.shards:
        if read_record(task.work, "encode", shard.key) is None:
            raise InputError(f"{shard.key} is not encoded in {task.work.root}: {advice}")
        found = pq.read_schema(task.work.columns(shard.key)).names if columns else []
        for column in sorted(columns - set(found)):
            raise InputError(f"{shard.key} has no column {column} in {task.work.root}: {advice}")


def group_caps(caps: F64, grouping: Grouping) -> F64:
    """float64[groups]: a frozen group is held by the member that runs out first."""
    of_members = caps[:, None] / np.where(grouping.inside > 0, grouping.inside, np.nan)
    return np.asarray(np.minimum(1.0, np.nanmin(of_members, axis=0)))


def check_reach(stock: Stock, grouping: Grouping, target: float, usable: F64) -> None:
    """Raises RecipeError where no mixture gives the target, naming the largest that one does.

    usable: float64[groups], above 0 for those that may be in the mixture.
    """
    inside = np.where(grouping.inside > 0, grouping.inside, np.nan)
    most = np.nanmin(stock.most[:, None] / inside, axis=0)
    largest = int(most[usable > 0].sum() + 1e-6)
    if target > largest:
        raise RecipeError(
            f"{target:,.0f} tokens are out of reach, {largest:,} is the largest target with "
            "this supply, mix.upsample and --max-repeats"
        )
