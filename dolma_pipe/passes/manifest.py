"""manifest.json: what a work directory was made from, by which code, and what came of each
shard."""

from typing import Any

import msgspec

from dolma_pipe import __version__
from dolma_pipe.assets import asset_hash
from dolma_pipe.manifest import Record, code_fingerprint
from dolma_pipe.passes.context import Context
from dolma_pipe.work import write_json


def write_run_manifest(context: Context) -> None:
    """Gather the records of all passes; written last, so that it speaks of a finished run."""
    recipe = context.recipe
    shards: dict[str, Any] = {}
    for shard in recipe.inputs():
        passes = {stage: _record(context, stage, shard.key) for stage in ("curate", "encode")}
        shards[shard.key] = {"uri": shard.uri, **{s: told for s, told in passes.items() if told}}
    whole = {stage: _record(context, stage, "all") for stage in ("dedup", "mix")}
    manifest = {
        "dolma_pipe": __version__,
        "code": code_fingerprint(),
        "recipe": msgspec.to_builtins(recipe),
        "assets": {name: asset_hash(name) for name in recipe.assets()},
        "shards": shards,
        **{stage: told for stage, told in whole.items() if told},
    }
    write_json(context.work.root / "manifest.json", manifest)


def _record(context: Context, stage: str, key: str) -> dict[str, Any] | None:
    """Fingerprint, outputs and, of a shard, counts: dedup's whole report stands in its own file."""
    record: Record | None = context.records.read(stage, key)
    if record is None:
        return None
    told: dict[str, Any] = {"fingerprint": record.fingerprint, "outputs": record.outputs}
    return told if key == "all" else {**told, "counts": record.counts}
