"""How much of a recipe is done in its work directory: the answer of `dolma-pipe status`."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from dolma_pipe.manifest import InputHashes, Records, fingerprint, stamps_of
from dolma_pipe.passes.curate import curated_record, source_fingerprint
from dolma_pipe.recipe import Recipe
from dolma_pipe.report.dedup_counts import only_some
from dolma_pipe.work import Work, address, exists, read_json


class PassStatus(msgspec.Struct):
    """A pass. done: tasks with a record, of so many; of curate, those that are up to date.

    up_to_date: false where documents or the recipe have changed since, or nothing is done; of a
    later pass, whether all shards are curated as the recipe says. note: what else is to be known.
    """

    name: Literal["curate", "dedup", "encode", "mix"]
    done: int
    tasks: int
    up_to_date: bool
    note: str | None = None


class Status(msgspec.Struct):
    """A recipe in its work directory. tokens: where token arrays lie, if there are any."""

    recipe: str
    work: str
    passes: list[PassStatus]
    tokens: str | None


def status(recipe: Recipe, work: Work) -> Status:
    """Inputs that have changed since the last run are hashed; nothing is written."""
    keys = [shard.key for shard in recipe.inputs()]
    records = Records(work)
    fresh = sum(_curated(recipe, work, records))
    current = fresh == len(keys)
    told = [PassStatus("curate", fresh, len(keys), current)]
    if recipe.dedup:
        there = _recorded(records, "dedup", ["all"])
        note = only_some(read_json(work.dedup / "report.json")) if there else None
        told.append(PassStatus("dedup", there, 1, current and there > 0, note or None))
    if recipe.tokenize:
        there = _recorded(records, "encode", keys)
        told.append(PassStatus("encode", there, len(keys), current and there > 0))
        there = _recorded(records, "mix", ["all"])
        told.append(PassStatus("mix", there, 1, current and there > 0))
    return Status(recipe.name, address(work.root), told, _tokens(recipe, work, records))


def _recorded(records: Records, stage: str, keys: list[str]) -> int:
    return sum(records.read(stage, key) is not None for key in keys)


def _tokens(recipe: Recipe, work: Work, records: Records) -> str | None:
    output = recipe.tokenize.output if recipe.tokenize else None
    if output and records.read("mix", "all"):
        return f"{output}/tokens"
    return address(work.tokens) if exists(work.tokens / "manifest.json") else None


def status_told(found: Status) -> str:
    """A line a pass."""
    lines = [f"{found.recipe} in {found.work}", *map(_line, found.passes)]
    if found.tokens is not None:
        lines.append(f"  tokens   {found.tokens}")
    return "\n".join(lines)


def _line(one: PassStatus) -> str:
    if one.name == "curate":
        state = "up to date"
    else:
        state = "recorded, and out of date" if one.done and not one.up_to_date else "recorded"
    told = f"  {one.name:8} {one.done:6,} of {one.tasks:6,} tasks {state}"
    return f"{told}: {one.note}" if one.note else told


def _curated(recipe: Recipe, work: Work, records: Records) -> Iterator[bool]:
    """For each shard, whether its record still holds; `tag --all` has records of its own."""
    hashes = InputHashes(work)
    asked = stamps_of(shard.uri for shard in recipe.inputs() if shard.stamp is None)
    for source in recipe.sources:
        settings = [source_fingerprint(recipe, source, score_all) for score_all in (False, True)]
        for shard in source.inputs:
            if records.read("curate", shard.key) is None:
                yield False
                continue
            content = hashes.get(shard.uri, shard.stamp or asked[shard.uri])
            expected = [fingerprint(one, content) for one in settings]
            yield any(curated_record(records, shard.key, one) for one in expected)
