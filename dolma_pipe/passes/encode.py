"""Pass 3, first half: every survivor encoded once; a shard whose record holds is not encoded
again."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.assets import asset_hash
from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.manifest import code_fingerprint, fingerprint
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.dedup import Deduplicated, Survivors
from dolma_pipe.tokenizer import load_template
from dolma_pipe.tokens import LOSS
from dolma_pipe.work import Work

ENDINGS = (".ids", ".offsets.u64", ".docs.arrow")


class EncodedInput(NamedTuple):
    """An encoded shard: key, source, the name its documents have in tokens/, and what is in it.

    fallback: why `tokenizers` encoded it, {reason, example}.
    """

    key: str
    source: str
    uri: str
    fingerprint: str
    documents: int
    tokens: int
    fallback: dict[str, str] | None


def encode(context: Context, deduplicated: Deduplicated) -> list[EncodedInput]:
    """Encode what is not encoded yet; the result is in the order of the recipe."""
    assert context.recipe.tokenize is not None
    tokenizer = asset_hash(context.recipe.tokenize.tokenizer)
    expected: dict[str, str] = {}
    counts: dict[str, dict[str, Any]] = {}
    tasks: list[Task] = []
    for survivors in deduplicated.shards:
        key = survivors.curated.shard.key
        task = _task(context, survivors)
        depends = [task.args["eos"], tokenizer, survivors.fingerprint, task.args["chat"]]
        expected[key] = fingerprint(code_fingerprint(), *depends)
        record = context.records.done("encode", key, expected[key])
        if record is None or context.force:
            tasks.append(task)
        else:
            counts[key] = record.counts
    function = "dolma_pipe.stages.tokenize:encode_shard"
    outcomes = []
    chats = {task.key for task in tasks if task.args["chat"]}
    context.records.withdraw("encode", (task.key for task in tasks))
    with context.records.writing() as write:
        for outcome in context.map("encode", function, tasks, len(counts)):
            key = outcome.key
            if outcome.error is None:  # commit what is done, also where another shard fails
                counts[key] = outcome.value
                outputs = _outputs(context.work, key, chat=key in chats)
                write("encode", key, expected[key], outputs, outcome.value)
            outcomes.append(outcome)
    succeed(outcomes)
    return [_encoded(survivors, expected, counts) for survivors in deduplicated.shards]


def _task(context: Context, survivors: Survivors) -> Task:
    recipe, work, shard = context.recipe, context.work, survivors.curated.shard
    assert recipe.tokenize is not None
    args = {
        "curated": str(work.curated(shard.key)),
        "columns": str(work.columns(shard.key)),
        "removed": str(survivors.removed) if survivors.removed else None,
        "cuts": str(survivors.cuts) if survivors.cuts else None,
        "out": str(work.encoded(shard.key)),
        "source": shard.source,
        "tokenizer": recipe.tokenize.tokenizer,
        "eos": recipe.tokenize.eos,
        "chat": None,
    }
    if recipe.source(shard.source).reading.messages:
        args["chat"] = msgspec.to_builtins(load_template(recipe.tokenize.chat))
    return Task(shard.key, args, survivors.curated.counts.kept_bytes)


def _outputs(work: Work, key: str, *, chat: bool) -> list[Path]:
    prefix = work.encoded(key)
    endings = (*ENDINGS, LOSS) if chat else ENDINGS
    return [prefix.with_name(prefix.name + ending) for ending in endings]


def _encoded(
    survivors: Survivors, expected: dict[str, str], counts: dict[str, dict[str, Any]]
) -> EncodedInput:
    shard = survivors.curated.shard
    count = counts[shard.key]
    return EncodedInput(
        shard.key,
        shard.source,
        shard.uri,
        expected[shard.key],
        count["documents"],
        count["tokens"],
        count["fallback"],
    )
