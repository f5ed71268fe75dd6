"""Pass 3, second half: plan the mix from exact token counts, assemble tokens/. Changing only the
mix starts here."""

from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.errors import RecipeError, UserError
from dolma_pipe.manifest import code_fingerprint, done, fingerprint, withdraw_record, write_record
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.encode import EncodedInput
from dolma_pipe.shelf import find, names
from dolma_pipe.stages.assemble import assembly_tasks, finish_tokens, withdraw_manifest
from dolma_pipe.stages.plan import Plan, copies_path, plan_path, read_plan
from dolma_pipe.tokens import ENDINGS, MANIFEST, TOKEN_BYTES


def mix(context: Context, encoded: list[EncodedInput], counts: dict[str, Any]) -> Plan:
    """Plan and assemble, unless tokens/ is what this recipe makes of these shards already.

    counts: of the stages before, for the manifest. Raises RecipeError for a target out of reach.
    """
    work, recipe = context.work, context.recipe
    assert recipe.tokenize is not None
    expected = fingerprint(
        code_fingerprint(),
        [find("mixers", name).digest for name in names("mixers")],
        [[shard.key, shard.fingerprint, shard.uri] for shard in encoded],
        msgspec.to_builtins(recipe.mix),
        recipe.tokenize.max_shard_tokens,
        recipe.seed,
        counts,
    )
    if not context.force and done(work, "mix", "all", expected) is not None:
        return read_plan(work)
    withdraw_record(work, "mix", "all")
    plan = Task("plan", _plan_arguments(context, encoded))
    try:
        succeed(context.map("plan", "dolma_pipe.stages.mix:plan_mix", [plan]))
    except UserError as error:
        raise RecipeError(f"{error}; encoded are {_supply(encoded)}") from error
    withdraw_manifest(work.root)
    tasks = assembly_tasks(work.root, recipe.tokenize)
    parts = succeed(context.map("assemble", "dolma_pipe.stages.assemble:assemble_part", tasks))
    finish_tokens(work.root, recipe.tokenize, parts, fingerprint=expected, counts=counts)
    outputs = [_output(work.tokens, key, ending) for key in sorted(parts) for ending in ENDINGS]
    outputs += [work.tokens / TOKEN_BYTES, work.tokens / MANIFEST, plan_path(work)]
    outputs += [copies_path(work, shard.key) for shard in encoded]
    write_record(work, "mix", "all", expected, outputs, {})
    return read_plan(work)


def _supply(encoded: list[EncodedInput]) -> str:
    """Tokens by source: what one needs to know when a target is out of reach."""
    tokens: dict[str, int] = {}
    for shard in encoded:
        tokens[shard.source] = tokens.get(shard.source, 0) + shard.tokens
    return ", ".join(f"{source} {number:,}" for source, number in tokens.items())


def _plan_arguments(context: Context, encoded: list[EncodedInput]) -> dict[str, Any]:
    recipe = context.recipe
    assert recipe.tokenize is not None
    return {
        "root": str(context.work.root),
        "sources": [
            {"name": source, "shards": [{"key": s.key, "src": s.uri} for s in shards]}
            for source, shards in groupby(encoded, key=lambda shard: shard.source)
        ],
        "mix": msgspec.to_builtins(recipe.mix),
        "seed": recipe.seed,
        "max_shard_tokens": recipe.tokenize.max_shard_tokens,
    }


def _output(folder: Path, key: str, ending: str) -> Path:
    return folder / f"{key}{ending}"
