"""Signatures of curated shards: made while curating, and again alone when only the dedup section
has changed."""

from typing import Any

import msgspec

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.entries import Entry
from dolma_pipe.manifest import Write, code_fingerprint, fingerprint
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curated import CuratedInput
from dolma_pipe.stages.dedup.sign import (
    keys_path,
    lengths_path,
    ranks_path,
    signed_while_curating,
)
from dolma_pipe.stages.sign import SignTask


def sign(context: Context, curated: list[CuratedInput]) -> None:
    """Sign again what is signed by other settings than today's."""
    stale = {
        item.shard.key: item
        for item in curated
        if context.records.done("sign", item.shard.key, _expected(context, item)) is None
    }
    tasks = [
        Task(key, msgspec.to_builtins(_task(context, item)), item.counts.kept_bytes)
        for key, item in stale.items()
    ]
    if not tasks:
        return
    function = "dolma_pipe.stages.sign:sign_shard"
    context.records.withdraw("sign", stale)
    with context.records.writing() as write:
        for key in succeed(context.map("sign", function, tasks, len(curated) - len(tasks))):
            record_signatures(context, write, stale[key])


def record_signatures(context: Context, write: Write, item: CuratedInput) -> None:
    """Commit the signatures of a shard, which have just been written."""
    if not context.recipe.dedup:
        return
    shard, prefix = item.shard, context.work.signatures(item.shard.key)
    outputs = [lengths_path(prefix)]
    for number, entry in signed_while_curating(context.recipe.dedup):
        if entry.concerns(shard.source):
            outputs.append(keys_path(prefix, number))
            outputs += [ranks_path(prefix, number)] if entry.policy != "first" else []
    write("sign", shard.key, _expected(context, item), outputs, {})


def _task(context: Context, item: CuratedInput) -> SignTask:
    shard = item.shard
    return SignTask(str(context.work.root), shard.source, shard.key, context.recipe.dedup)


def _expected(context: Context, item: CuratedInput) -> str:
    entries = [
        [number, _signing(entry)] for number, entry in signed_while_curating(context.recipe.dedup)
    ]
    return fingerprint(code_fingerprint(), item.fingerprint, entries)


def _signing(entry: Entry) -> dict[str, Any]:
    """The settings of an entry that its signatures depend on."""
    later = ("verify", "prefer", "action")
    return {name: value for name, value in msgspec.to_builtins(entry).items() if name not in later}
