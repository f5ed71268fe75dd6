"""Stage 5: plan the mix from encoded shards: copies of documents, and the files that they fill.

Measure every source, divide the target, place the copies: tasks, arithmetic, tasks. mix/plan.json
says what was asked, what came out and what bound it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from dolma_pipe.engine.base import Task
from dolma_pipe.mix_settings import LENGTH, NO_GROUP, Curve
from dolma_pipe.stages.mix.divide import GroupQuota, SourceQuota, divide
from dolma_pipe.stages.mix.documents import SourceTask
from dolma_pipe.stages.mix.place import GroupTask, Placed, PlaceTask
from dolma_pipe.stages.mix.plan import (
    NOTHING,
    Amount,
    BucketPlan,
    GroupPlan,
    Plan,
    SourcePlan,
    plan_path,
)
from dolma_pipe.stages.mix.supply import SourceSupply
from dolma_pipe.work import write_json

Run = Callable[[str, list[Task]], dict[str, Any]]
"""Runs a function over tasks and returns the values by key."""


def plan_mix(run: Run, sources: Sequence[SourceTask], *, write: bool = True) -> Plan:
    """Plan the mix of these sources, all of one work directory, in the order of the recipe.

    write: False leaves mix/ as it is. Raises RecipeError for a target out of reach, naming the
    largest that is not.
    """
    settings = sources[0].settings
    asked = [Task(source.name, dict(msgspec.to_builtins(source))) for source in sources]
    measured = run("dolma_pipe.stages.mix.supply:measure_source", asked)
    supplies = [msgspec.convert(measured[source.name], SourceSupply) for source in sources]
    quotas, notes = divide(supplies, settings)
    placing = [
        Task(quota.name, dict(msgspec.to_builtins(_place_task(source, quota, write))))
        for source, quota in zip(sources, quotas, strict=True)
    ]
    placed = run("dolma_pipe.stages.mix.place:place_source", placing)
    planned = [
        _source_plan(source, quota, msgspec.convert(placed[source.name], Placed))
        for source, quota in zip(sources, quotas, strict=True)
    ]
    plan = Plan(
        seed=sources[0].seed,
        target_tokens=settings.target_tokens,
        asked=sum(source.asked for source in planned),
        output=sum((source.output for source in planned), NOTHING),
        notes=notes,
        sources=tuple(planned),
    )
    if write:
        write_json(plan_path(sources[0].work), plan)
    return plan


def _place_task(source: SourceTask, quota: SourceQuota, write: bool) -> PlaceTask:
    groups = [
        GroupTask(
            group.supply.name,
            tuple(bucket.last_code for bucket in group.supply.buckets),
            tuple(group.quotas.tolist()),
            tuple(group.never.tolist()),
            group.cap,
        )
        for group in quota.groups
    ]
    return PlaceTask(source, tuple(groups), write)


def _source_plan(source: SourceTask, quota: SourceQuota, placed: Placed) -> SourcePlan:
    notes = (*quota.notes, *_without_values(source, quota))
    if quota.asked > 0 and not placed.used.documents:
        notes += (f"asked for {quota.asked:,} tokens, less than half of a document: none is used",)
    available = sum((group.supply.available for group in quota.groups), quota.held_out)
    repeats = Amount(
        placed.output.documents - placed.used.documents, placed.output.tokens - placed.used.tokens
    )
    got = iter(placed.got)
    gots = [[next(got) for _ in group.quotas] for group in quota.groups]
    groups = list(zip(quota.groups, gots, strict=True))
    return SourcePlan(
        name=quota.name,
        share=quota.share,
        asked=quota.asked,
        most=quota.most,
        available=available,
        used=placed.used,
        discarded=placed.discarded,
        over_budget=placed.over_budget,
        held_out=placed.held_out,
        repeats=repeats,
        output=placed.output,
        groups=tuple(_group_plan(group, got) for group, got in groups),
        buckets=tuple(bucket for group, got in groups for bucket in _bucket_plans(group, got)),
        notes=notes,
        shards=source.shards,
        parts=placed.parts,
        held_out_parts=placed.held_out_parts,
    )


def _without_values(source: SourceTask, quota: SourceQuota) -> Iterator[str]:
    """Columns that divide or rank documents of which none has a value: misspelt, as a rule."""
    filled = [group.supply for group in quota.groups if group.supply.available.documents]
    groups = source.settings.groups.get(source.name)
    if groups and groups.by != LENGTH and {group.name for group in filled} == {NO_GROUP}:
        kind = "number" if groups.at else "label"
        yield f"no document has a {kind} in {groups.by}, by which groups are made"
    factors = [(group, source.settings.group_factor(source.name, group.name)) for group in filled]
    ranked = [(group, factor.by) for group, factor in factors if isinstance(factor, Curve)]
    for column in sorted({column for _, column in ranked}):
        buckets = [bucket for group, by in ranked if by == column for bucket in group.buckets]
        if all(bucket.highest is None for bucket in buckets):
            yield f"no document has a number in {column}: the curve has nothing to rank by"


def _group_plan(group: GroupQuota, got: list[int]) -> GroupPlan:
    return GroupPlan(
        name=group.supply.name,
        share=group.share,
        available=group.supply.available,
        asked=group.asked,
        most=group.most,
        got=sum(got),
    )


def _bucket_plans(group: GroupQuota, got: list[int]) -> list[BucketPlan]:
    total = max(1, group.supply.available.tokens)
    plans, before = [], 0
    for i, bucket in enumerate(group.supply.buckets):
        plans.append(
            BucketPlan(
                group=group.supply.name,
                low=round(before / total, 6),
                high=round((before + bucket.tokens) / total, 6),
                lowest=bucket.lowest,
                highest=bucket.highest,
                available=Amount(bucket.documents, bucket.tokens),
                repeats=group.repeats[i],
                asked=int(group.quotas[i]),
                got=got[i],
            )
        )
        before += bucket.tokens
    return plans
