"""What differs between the resolved recipes of two runs, and between what they ran with."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.manifest import fingerprint
from dolma_pipe.recipe import Source
from dolma_pipe.report.comparison.model import Change
from dolma_pipe.report.comparison.orders import is_reordered, orders_changed
from dolma_pipe.report.finished import FinishedRun


def changes_of(a: FinishedRun, b: FinishedRun) -> list[Change]:
    """Every difference, in the order of the recipe, then those of order; equal runs have none."""
    before, after = dict(_told(a)), dict(_told(b))
    if is_reordered(a.recipe, b.recipe):
        before, after = (_without(told, "dedup.") for told in (before, after))
    differing = [
        Change(place, _text(before.get(place)), _text(after.get(place)))
        for place in dict.fromkeys([*before, *after])
        if before.get(place) != after.get(place)
    ]
    return [*differing, *orders_changed(a.recipe, b.recipe)]


_HASH = re.compile("[0-9a-f]{32,}")


class Setting(NamedTuple):
    """A change that is the same in these sources; in none, where it is of no source."""

    place: str
    sources: tuple[str, ...]
    before: str | None
    after: str | None


def by_setting(changes: Sequence[Change]) -> list[Setting]:
    """What changed in the same way in several sources is told once, where the first is; of hashes
    the beginning."""
    found: dict[Setting, list[str]] = {}
    for place, before, after in ((c.place, _brief(c.before), _brief(c.after)) for c in changes):
        section, _, rest = place.partition(".")
        source, _, setting = rest.partition(".")
        if section != "sources" or not setting:
            found[Setting(place, (), before, after)] = []
            continue
        found.setdefault(Setting(setting, (), before, after), []).append(source)
    return [setting._replace(sources=tuple(names)) for setting, names in found.items()]


def _brief(told: str | None) -> str | None:
    return f"{told[:12]}…" if told and _HASH.fullmatch(told) else told


def _without(told: dict[str, Any], places: str) -> dict[str, Any]:
    return {place: value for place, value in told.items() if not place.startswith(places)}


def _told(run: FinishedRun) -> Iterator[tuple[str, Any]]:
    recipe = run.recipe
    yield "name", recipe.name
    yield "seed", recipe.seed
    for source in recipe.sources:
        yield f"sources.{source.name}.documents", _inputs(run, source)
        yield from _of_source(source, f"sources.{source.name}")
    for number, entry in enumerate(recipe.dedup, 1):
        yield from _flat(f"dedup.{number}", entry)
    yield "dedup_index", recipe.dedup_index
    yield from _flat("mix", recipe.mix)
    yield from _flat("tokenize", recipe.tokenize)
    yield "max_document_bytes", recipe.max_document_bytes
    yield "dolma-pipe", run.manifest.dolma_pipe
    yield "dolma-pipe (its files)", run.manifest.code
    yield from ((f"assets.{name}", sha256) for name, sha256 in run.manifest.assets.items())


def _inputs(run: FinishedRun, source: Source) -> str:
    """How many shards, and a fingerprint of their names and contents; not of where they lie."""
    keys = [shard.key for shard in source.inputs]
    made = [run.manifest.shards.get(key, {}).get("curate") for key in keys]
    hashes = [told and told["counts"]["content_hash"] for told in made]
    return f"{len(keys):,} shards, {fingerprint(keys, hashes)[:8]}"


def _of_source(source: Source, place: str) -> Iterator[tuple[str, Any]]:
    yield from _flat(f"{place}.reading", msgspec.to_builtins(source.reading))
    for use in source.taggers:
        yield f"{place}.{use.stage}.taggers.{use.prefix}", use.settings
        yield f"{place}.{use.stage}.taggers.{use.prefix} (its file)", use.found.digest
    for rule in source.rules:
        yield (
            f"{place}.{rule.stage}.keep.{rule.column}",
            [_plain(rule.minimum), _plain(rule.maximum)],
        )
    for mask in source.masks:
        yield f"{place}.{mask.stage}.mask.{mask.column}", mask.replacement


def _plain(bound: float | None) -> float | None:
    """As a recipe has it: 50, not 50.0."""
    return int(bound) if bound is not None and bound.is_integer() else bound


def _flat(place: str, told: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of nested settings; a list is a leaf."""
    if not isinstance(told, dict):
        if told is not None:
            yield place, told
        return
    for name, value in told.items():
        yield from _flat(f"{place}.{name}", value)


def _text(told: Any) -> str | None:
    if told is None or isinstance(told, str):
        return told
    return msgspec.json.encode(told).decode()
