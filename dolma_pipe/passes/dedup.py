"""Pass 2: the whole corpus through the entries of the dedup section, unless nothing has changed."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.assets import asset_hash
from dolma_pipe.dedup_index import read_index
from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.entries import Decontaminate, Semantic
from dolma_pipe.evaluations import evaluation_hashes
from dolma_pipe.kernels.jit import I64
from dolma_pipe.manifest import code_fingerprint, fingerprint
from dolma_pipe.passes.context import Context, WatchedEngine
from dolma_pipe.passes.curated import CuratedInput
from dolma_pipe.passes.phases import write_dedup_times
from dolma_pipe.passes.sign import sign
from dolma_pipe.stages.dedup import deduplicate as deduplicate_shards
from dolma_pipe.stages.dedup.plan import CuratedShard
from dolma_pipe.stages.dedup.vectors import vectors_path
from dolma_pipe.stages.survivors import Left, left_path
from dolma_pipe.work import Work, read_json, remove_all, remove_tree, write_json


class Survivors(NamedTuple):
    """A curated shard after deduplication.

    fingerprint: of the documents that stages 1 to 3 kept and of what was removed and cut; scores
    are not in it. removed: uint8 a document, None where the recipe has no dedup section; cuts: None
    where no entry edits. removed_documents: int64[entries]; lost_bytes: of text, with removed
    documents and in cuts; cut_bytes: those in cuts.
    """

    curated: CuratedInput
    fingerprint: str
    removed: Path | None
    cuts: Path | None
    removed_documents: I64
    lost_bytes: int
    cut_bytes: int


class Deduplicated(NamedTuple):
    """The outcome of pass 2, shards in the order of the recipe."""

    shards: list[Survivors]
    methods: list[str]


def deduplicate(
    context: Context, curated: list[CuratedInput], method: str | None = None
) -> Deduplicated:
    """Decide which documents stay; `method` takes only the entries of one method."""
    entries = context.recipe.dedup
    if not entries:
        none = np.zeros(0, np.int64)
        return Deduplicated(
            [Survivors(c, c.counts.survivors_hash, None, None, none, 0, 0) for c in curated], []
        )
    work = context.work
    active = [entry for entry in entries if method in (None, entry.method)]
    edited = any(entry.changes_text for entry in active)
    annotated = any(entry.action == "annotate" for entry in active)
    expected = fingerprint(
        code_fingerprint(),
        [[item.shard.key, item.fingerprint] for item in curated],
        [msgspec.to_builtins(entry) for entry in entries],
        {name: asset_hash(name) for entry in active for name in entry.assets()},
        [evaluation_hashes(entry) for entry in active if isinstance(entry, Decontaminate)],
        method,
        [read_index(root).fingerprint for root in context.recipe.dedup_index],
    )
    if context.force or context.records.done("dedup", "all", expected) is None:
        context.records.withdraw("dedup", ["all"])
        indexed = indexed_shards(context.recipe.dedup_index)
        for of_some_recipes in ("cuts", "annotations", "indexed"):
            remove_tree(work.dedup / of_some_recipes)
        of_some = ("index_changes.parquet", "contamination.parquet")
        remove_all(work.dedup / name for name in of_some)
        started, before = time.perf_counter(), len(context.timings)
        sign(context, curated)
        summary = deduplicate_shards(
            work,
            entries,
            [*indexed, *map(curated_shard, curated)],
            WatchedEngine(context, "dedup"),
            method,
        )
        keys = [c.shard.key for c in curated]
        outputs = [work.removed(key) for key in keys]
        outputs += [work.indexed(shard.key) for shard in indexed]
        outputs += [work.dedup / "index_changes.parquet"] if indexed else []
        outputs += [work.annotations(shard.key) for shard in indexed if annotated]
        outputs += [work.cuts(key) for key in keys if edited]
        outputs += [work.annotations(key) for key in keys if annotated]
        outputs += _embeddings(context, curated, method)
        outputs += [work.dedup / "report.json", work.dedup / "removed.parquet", left_path(work)]
        if any(isinstance(entry, Decontaminate) for entry in active):
            outputs.append(work.dedup / "contamination.parquet")
        write_json(left_path(work), _counted(context, curated, edited=edited))
        seconds = time.perf_counter() - started
        write_dedup_times(work, expected, seconds, context.timings[before:])
        with context.records.writing() as write:
            write("dedup", "all", expected, outputs, summary)
    left = msgspec.convert(read_json(left_path(work)), dict[str, Left])
    shards = [_survivors(work, item, left[item.shard.key]) for item in curated]
    return Deduplicated(shards, [entry.method for entry in entries])


def indexed_shards(roots: Iterable[str]) -> list[CuratedShard]:
    """The shards of indexes, in their order."""
    return [
        CuratedShard(s.key, s.source, s.key.removeprefix(f"{s.source}/"), s.documents, root)
        for root in roots
        for s in read_index(root).shards
    ]


def curated_shard(item: CuratedInput) -> CuratedShard:
    """A shard as stage 4 wants it."""
    source, key = item.shard.source, item.shard.key
    return CuratedShard(key, source, key.removeprefix(f"{source}/"), item.counts.kept)


def _embeddings(context: Context, curated: list[CuratedInput], method: str | None) -> list[Path]:
    """Vectors, which stay for the next run with another threshold."""
    return [
        vectors_path(context.work, item.shard.key, number)
        for number, entry in enumerate(context.recipe.dedup, 1)
        if isinstance(entry, Semantic) and method in (None, entry.method)
        for item in curated
        if entry.concerns(item.shard.source)
    ]


def _counted(context: Context, curated: list[CuratedInput], *, edited: bool) -> dict[str, Any]:
    """Left by key."""
    given = {"work": str(context.work.root), "entries": len(context.recipe.dedup), "edited": edited}
    tasks = [
        Task(item.shard.key, {**given, "key": item.shard.key}, item.counts.kept) for item in curated
    ]
    function = "dolma_pipe.stages.survivors:count_survivors"
    return succeed(WatchedEngine(context, "dedup").map(function, tasks))


def _survivors(work: Work, curated: CuratedInput, left: Left) -> Survivors:
    key = curated.shard.key
    made_of = [curated.counts.survivors_hash, left.removed, *([left.cuts] if left.cuts else [])]
    return Survivors(
        curated,
        fingerprint(*made_of),
        work.removed(key),
        work.cuts(key) if left.cuts else None,
        np.array(left.documents, np.int64),
        left.lost_bytes,
        left.cut_bytes,
    )
