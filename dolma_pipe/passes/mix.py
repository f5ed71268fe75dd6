"""Pass 3, second half: plan the mix from exact token counts, assemble tokens/. Changing only the
mix starts here."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.engine.base import Task, raise_failure, succeed
from dolma_pipe.errors import RecipeError
from dolma_pipe.inputs import Input
from dolma_pipe.manifest import code_fingerprint, fingerprint
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.mixing import mixers_used
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.encode import EncodedInput
from dolma_pipe.recipe import Recipe
from dolma_pipe.settings import one_line
from dolma_pipe.stages.assemble import assembly_tasks, finish_tokens, withdraw_manifests
from dolma_pipe.stages.mix import plan_mix
from dolma_pipe.stages.mix.documents import Shard, SourceTask
from dolma_pipe.stages.mix.plan import Plan, copies_path, order_path, plan_path, read_plan
from dolma_pipe.stages.publish import clear_parts, published, receipts
from dolma_pipe.store import Store, open_store
from dolma_pipe.tokenizer import load_template
from dolma_pipe.tokens import BESIDE, MANIFEST, TokenShard
from dolma_pipe.work import Work, address


def mix(context: Context, encoded: list[EncodedInput], counts: dict[str, Any]) -> Plan:
    """Plan and assemble, unless tokens/ is what this recipe makes of these shards already.

    counts: of the stages before, for the manifest. Raises RecipeError for a target out of reach.
    """
    work, recipe = context.work, context.recipe
    assert recipe.tokenize is not None
    settings = recipe.mix or MixSettings()
    names = [source.name for source in recipe.sources]
    made = fingerprint(
        code_fingerprint(),
        [mixer.digest for mixer in mixers_used(settings, names)],
        [[shard.key, shard.fingerprint, shard.uri] for shard in encoded],
        msgspec.to_builtins(settings),
        recipe.tokenize.max_shard_tokens,
        recipe.seed,
        counts,
    )
    output = recipe.tokenize.output  # moves tokens/ and changes no byte of it
    expected = made if output is None else fingerprint(made, output)
    if not context.force and _stands(context, expected, made):
        return read_plan(work)
    context.records.withdraw("mix", ["all"])
    planned = plan(context, encoded)
    store = open_store(output or address(work.root))
    withdraw_manifests(store)
    parts = _assembled(context, store, made)
    clear_parts(work)
    chat = load_template(recipe.tokenize.chat) if recipe.chats() else None
    finish_tokens(work.root, recipe.tokenize, parts, fingerprint=made, counts=counts, chat=chat)
    outputs = _outputs(context, planned, encoded, parts)
    with context.records.writing() as write:
        write("mix", "all", expected, outputs, {})
    return planned


def _stands(context: Context, expected: str, made: str) -> bool:
    """Whether the record holds, and what went to another place stands there as it was put."""
    assert context.recipe.tokenize is not None
    work, output = context.work, context.recipe.tokenize.output
    record = context.records.done("mix", "all", expected)
    if record is None or output is None:
        return record is not None
    keys = receipts(record.outputs)
    return len(published(work, open_store(output), keys, made)) == len(keys)


def _assembled(context: Context, store: Store, made: str) -> dict[str, Any]:
    """Every file of token arrays: key -> entry of the manifest."""
    work, tokenize = context.work, context.recipe.tokenize
    assert tokenize is not None
    function = "dolma_pipe.stages.assemble:assemble_part"
    tasks = assembly_tasks(work.root, tokenize, made, chats=context.recipe.chats())
    if tokenize.output is None:
        return succeed(context.map("assemble", function, tasks))
    clear_parts(work)
    kept = {} if context.force else published(work, store, [task.key for task in tasks], made)
    left = [task for task in tasks if task.key not in kept]
    for outcome in context.map("assemble", function, left, len(kept)):
        if outcome.error is not None:  # a store that refuses one file will refuse the next
            raise_failure(outcome.key, outcome.error)
        kept[outcome.key] = outcome.value
    return kept


def plan(context: Context, encoded: list[EncodedInput], *, write: bool = True) -> Plan:
    """What a mix will be, from exact token counts; write: False changes no file.

    Raises RecipeError for a target out of reach, naming the largest that is not.
    """

    def run(function: str, tasks: list[Task]) -> dict[str, Any]:
        return succeed(context.map("plan", function, tasks))

    try:
        return plan_mix(run, source_tasks(context.recipe, context.work, encoded), write=write)
    except RecipeError as error:
        raise RecipeError(f"{one_line(error)}; encoded are {_supply(encoded)}") from error


def _supply(encoded: list[EncodedInput]) -> str:
    """Tokens by source: what one needs to know when a target is out of reach."""
    tokens: dict[str, int] = {}
    for shard in encoded:
        tokens[shard.source] = tokens.get(shard.source, 0) + shard.tokens
    return ", ".join(f"{source} {number:,}" for source, number in tokens.items())


def source_tasks(
    recipe: Recipe, work: Work, shards: Sequence[EncodedInput | Input]
) -> list[SourceTask]:
    """What the tasks of a plan are told of each source; shards: encoded, in the recipe's order."""
    assert recipe.tokenize is not None
    return [
        SourceTask(
            root=str(work.root),
            name=source,
            shards=tuple(Shard(shard.key, shard.uri) for shard in of_source),
            mix=dict(msgspec.to_builtins(recipe.mix or MixSettings())),
            seed=recipe.seed,
            max_shard_tokens=recipe.tokenize.max_shard_tokens,
        )
        for source, of_source in groupby(shards, key=lambda shard: shard.source)
    ]


def _outputs(
    context: Context, planned: Plan, encoded: list[EncodedInput], parts: dict[str, Any]
) -> list[Path]:
    """Every file that the pass has written in the work directory; parts: entries of the manifest by
    keys of the files of token arrays."""
    work = context.work
    held_out = any(source.held_out.documents for source in planned.sources)
    folders = ["tokens", *(["held_out"] if held_out else [])]
    if context.recipe.tokenize and context.recipe.tokenize.output:
        outputs = [work.published(key) for key in (*folders, *sorted(parts))]
    else:
        outputs = [
            work.root / key.split("/")[0] / file
            for key in sorted(parts)
            for file in msgspec.convert(parts[key], TokenShard).files
        ]
        outputs += [work.root / f / name for f in folders for name in (*BESIDE, MANIFEST)]
    outputs.append(plan_path(work))
    outputs += [order_path(work, source.name) for source in planned.sources]
    return outputs + [copies_path(work, shard.key) for shard in encoded]
