"""Which order of a recipe changed: of what both have, since what only one has is told anyhow."""

from collections.abc import Iterator, Sequence

from dolma_pipe.recipe import FILTER_STAGES
from dolma_pipe.report.comparison.model import Change
from dolma_pipe.report.finished import StoredRecipe


def orders_changed(a: StoredRecipe, b: StoredRecipe) -> Iterator[Change]:
    """Of sources, and of taggers, rules and masks within a stage, and of dedup entries that are the
    same but for their order. What moved is told, from the first to the last name that did."""
    after = dict(_orders(b))
    for place, names in _orders(a):
        there = after.get(place, [])
        yield from _change(
            place, [n for n in names if n in there], [n for n in there if n in names]
        )
    if is_reordered(a, b):
        yield from _change("dedup", _methods(a), _methods(b))


def is_reordered(a: StoredRecipe, b: StoredRecipe) -> bool:
    """Whether they have the same dedup entries in another order, each with a name of its own."""
    before, after = ({str(one["method"]): one for one in told.dedup} for told in (a, b))
    return before == after and len(before) == len(a.dedup) == len(b.dedup) and a.dedup != b.dedup


def _methods(recipe: StoredRecipe) -> list[str]:
    return [str(entry["method"]) for entry in recipe.dedup]


def _orders(recipe: StoredRecipe) -> Iterator[tuple[str, list[str]]]:
    yield "sources", [source.name for source in recipe.sources]
    for source in recipe.sources:
        for stage in FILTER_STAGES:
            place = f"sources.{source.name}.{stage}"
            yield f"{place}.taggers", [use.prefix for use in source.taggers if use.stage == stage]
            yield f"{place}.keep", [rule.column for rule in source.rules if rule.stage == stage]
            yield f"{place}.mask", [mask.column for mask in source.masks if mask.stage == stage]


def _change(place: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    moved = [k for k, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    if moved:
        told = slice(moved[0], moved[-1] + 1)
        yield Change(f"{place} (order)", ", ".join(before[told]), ", ".join(after[told]))
