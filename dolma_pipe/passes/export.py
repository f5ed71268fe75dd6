"""Export: what survives stage 4, in dolma's layout, for other tools."""

from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.errors import WorkError
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.dedup import Survivors, deduplicate
from dolma_pipe.work import address, atomic_write, exists, files_below, remove_all

MARK = ".dolma-pipe-export"
"""An empty file that says whose the exported documents or attributes beside it are."""


class ExportedDocuments(msgspec.Struct):
    """What was written of a source."""

    folder: Path
    documents: int = 0


def export_documents(context: Context, folder: Path) -> dict[str, ExportedDocuments]:
    """Write DIR/<source>/documents/*.jsonl.zst; gives what was written by source.

    Raises WorkError where the folder cannot be written, or holds other documents, the inputs of
    the recipe above all.
    """
    deduplicated = deduplicate(context, curate(context))
    outputs = {s.curated.shard.key: output_of(folder, s) for s in deduplicated.shards}
    _refuse_others(folder, [source.name for source in context.recipe.sources], outputs)
    tasks = []
    for survivors in deduplicated.shards:
        key = survivors.curated.shard.key
        args = {**survivors_of(context, survivors), "out": str(outputs[key])}
        tasks.append(Task(key, args, survivors.curated.counts.kept_bytes))
    with atomic_write(folder / MARK):
        pass
    written = succeed(context.map("export", "dolma_pipe.stages.export:export_shard", tasks))
    names = [source.name for source in context.recipe.sources]
    counts = {name: ExportedDocuments(folder / name / "documents") for name in names}
    for survivors in deduplicated.shards:
        shard = survivors.curated.shard
        counts[shard.source].documents += written[shard.key]["documents"]
    return counts


def survivors_of(context: Context, survivors: Survivors) -> dict[str, Any]:
    """What a task is told to read the documents of a shard that survive stage 4."""
    source = context.recipe.source(survivors.curated.shard.source)
    return {
        "messages": source.reading.messages,
        "curated": str(context.work.curated(survivors.curated.shard.key)),
        "removed": str(survivors.removed) if survivors.removed else None,
        "cuts": str(survivors.cuts) if survivors.cuts else None,
        "documents": survivors.curated.counts.kept,
    }


def output_of(folder: Path, survivors: Survivors) -> Path:
    """DIR/<source>/documents/<shard>.jsonl.zst"""
    shard = survivors.curated.shard
    name = shard.key.removeprefix(f"{shard.source}/")
    return folder / shard.source / "documents" / f"{name}.jsonl.zst"


def _refuse_others(folder: Path, sources: list[str], outputs: dict[str, Path]) -> None:
    """A folder without our mark must be new; of an earlier export, what is no more goes away."""
    places = [folder / source / "documents" for source in sources]
    there = [path for place in places for path in files_below(place) if path.parent == place]
    if there and not exists(folder / MARK):
        told = address(there[0])
        raise WorkError(f"{told} was not exported by this command: choose another directory")
    ours = set(outputs.values())
    remove_all(path for path in there if path not in ours)
