"""Pass 1: every shard through stages 1 to 3, except those whose record still holds."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.engine.base import Task, raise_failure
from dolma_pipe.errors import InputError
from dolma_pipe.inputs import Input
from dolma_pipe.manifest import (
    InputHashes,
    code_fingerprint,
    done,
    fingerprint,
    read_record,
    stamp_of,
    withdraw_record,
    write_record,
)
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curated import CuratedInput
from dolma_pipe.passes.sign import record_signatures
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.stages.filter import Curated, CurateTask
from dolma_pipe.work import Work

DEFAULT_BAD_LINES = 10
DEFAULT_BAD_SHARE = 0.001


def curate(
    context: Context, only: Iterable[str] = (), score_all: bool = False
) -> list[CuratedInput]:
    """Curate all shards, or those of some sources; the result is in the order of the recipe.

    A shard that fails is named in context.failed and missing in the result; the rest is done.
    Raises InputError where more lines are bad than max_bad allows.
    """
    chosen = set(only) or {source.name for source in context.recipe.sources}
    hashes = InputHashes(context.work)
    finished: dict[str, CuratedInput] = {}
    tasks: list[Task] = []
    for source in context.recipe.sources:
        if source.name not in chosen:
            continue
        settings = source_fingerprint(context.recipe, source, score_all)
        for shard in source.inputs:
            expected = (
                fingerprint(settings, hashes.get(shard.uri)) if _has_record(context, shard) else ""
            )
            record = done(context.work, "curate", shard.key, expected)
            if record is not None and not context.force:
                counts = msgspec.convert(record.counts, Curated)
                finished[shard.key] = CuratedInput(shard, expected, counts)
            else:
                tasks.append(_task(context, source, shard, score_all))
    finished |= _run(context, tasks, hashes, len(finished), score_all)
    hashes.save()
    curated = [finished[shard.key] for shard in context.recipe.inputs() if shard.key in finished]
    if context.failed and not curated:
        key, failure = min(context.failed.items())
        raise InputError(f"no shard could be read; {key}: {failure.text}")
    _check_bad(context, curated)
    return curated


def source_fingerprint(recipe: Recipe, source: Source, score_all: bool = False) -> str:
    """Everything but the input that decides what becomes of a shard of this source."""
    assets = sorted({name for use in source.taggers for name in use.build().assets()})
    return fingerprint(
        code_fingerprint(),
        source.name,
        [[use.stage, use.prefix, use.found.digest, use.settings] for use in source.taggers],
        [msgspec.to_builtins(rule) for rule in source.rules],
        [msgspec.to_builtins(mask) for mask in source.masks],
        recipe.max_document_bytes,
        {name: asset_hash(name) for name in assets},
        score_all,
    )


def _has_record(context: Context, shard: Input) -> bool:
    return read_record(context.work, "curate", shard.key) is not None


def _task(context: Context, source: Source, shard: Input, score_all: bool) -> Task:
    task = CurateTask(
        work=str(context.work.root),
        source=source.name,
        key=shard.key,
        uri=shard.uri,
        taggers=source.taggers,
        rules=source.rules,
        masks=source.masks,
        sign=context.recipe.dedup,
        max_document_bytes=context.recipe.max_document_bytes,
        score_all=score_all,
    )
    return Task(shard.key, msgspec.to_builtins(task), _size(shard.uri))


def _size(uri: str) -> int:
    """Bytes of a local file; 1 for what is not local, or has just vanished (its task will tell)."""
    try:
        return Path(uri).stat().st_size
    except OSError:
        return 1


def _run(
    context: Context, tasks: list[Task], hashes: InputHashes, already: int, score_all: bool
) -> dict[str, CuratedInput]:
    shards = {shard.key: shard for shard in context.recipe.inputs()}
    settings = {
        s.name: source_fingerprint(context.recipe, s, score_all) for s in context.recipe.sources
    }
    stamps = {task.key: stamp_of(shards[task.key].uri) for task in tasks}
    paths = [str(asset_path(name)) for name in context.recipe.assets()]
    assets = {path: stamp_of(path) for path in paths}
    for task in tasks:
        withdraw_record(context.work, "curate", task.key)
        withdraw_record(context.work, "sign", task.key)
    finished = {}
    for outcome in context.map("curate", "dolma_pipe.stages.filter:curate_shard", tasks, already):
        shard = shards[outcome.key]
        if outcome.error is not None:
            if outcome.error.kind == "bug":
                raise_failure(outcome.key, outcome.error)
            context.failed[outcome.key] = outcome.error
            continue
        _refuse_changed(assets)
        counts = msgspec.convert(outcome.value, Curated)
        hashes.put(shard.uri, stamps[shard.key], counts.content_hash)
        made_by = fingerprint(settings[shard.source], counts.content_hash)
        write_record(
            context.work,
            "curate",
            shard.key,
            made_by,
            curated_files(context.work, shard.key),
            outcome.value,
        )
        finished[shard.key] = CuratedInput(shard, made_by, counts)
        record_signatures(context, finished[shard.key])
    return finished


def _refuse_changed(assets: dict[str, str | None]) -> None:
    """A model that is replaced under a run would leave its scores under the old one's name."""
    for path, stamp in assets.items():
        if stamp_of(path) != stamp:
            raise InputError(f"{path} was changed during the run: run again")


def curated_files(work: Work, key: str) -> list[Path]:
    """The files that pass 1 writes for a shard, without its signatures."""
    return [work.curated(key), work.columns(key), work.attributes(key), work.quarantine(key)]


def _check_bad(context: Context, curated: list[CuratedInput]) -> None:
    lines = sum(item.counts.lines for item in curated)
    bad = sum(item.counts.quarantined for item in curated)
    allowed = allowed_bad(context.recipe.max_bad, lines)
    if bad > allowed:
        reasons = sum((Counter(item.counts.quarantine_reasons) for item in curated), Counter[str]())
        reason, count = reasons.most_common(1)[0]
        raise InputError(
            f"{bad} of {lines} lines are bad, max_bad allows {allowed}: "
            f"most often '{reason}' ({count}); see {context.work.root / 'quarantine'}"
        )


def allowed_bad(max_bad: float | None, lines: int) -> int:
    """Bad lines allowed among so many: the larger of 10 and 0.1 %; below 1 it is a share."""
    if max_bad is None:
        return max(DEFAULT_BAD_LINES, int(DEFAULT_BAD_SHARE * lines))
    return int(max_bad * lines) if max_bad < 1 else int(max_bad)
