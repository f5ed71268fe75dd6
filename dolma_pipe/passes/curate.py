"""Pass 1: every shard through stages 1 to 3, except those whose record still holds. Of the others,
scores that hold are used."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.attributes import MOST_TAGGERS
from dolma_pipe.engine.base import Task, raise_failure
from dolma_pipe.errors import InputError, RecipeError, TooManyBad
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.manifest import (
    InputHashes,
    Record,
    Records,
    Write,
    code_fingerprint,
    fingerprint,
    stamp_of,
    stamps_of,
)
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curated import CuratedInput
from dolma_pipe.passes.sign import record_signatures
from dolma_pipe.recipe import Recipe, Source, TaggerUse
from dolma_pipe.stages.filter import CurateTask, Scores, refuse_changed
from dolma_pipe.stages.outputs import Curated
from dolma_pipe.work import Work, address

DEFAULT_BAD_LINES = 10
DEFAULT_BAD_SHARE = 0.001


def curate(
    context: Context,
    only: Iterable[str] = (),
    score_all: bool = False,
    taggers: Iterable[str] = (),
) -> list[CuratedInput]:
    """Curate all shards, or those of some sources; the result is in the order of the recipe.

    taggers: prefixes of those that are asked, all by default. A rule on a column of another counts
    where a score stands in the attributes; sources that have none of them are left alone.

    A shard that fails is named in context.failed and missing in the result; the rest is done.
    Raises TooManyBad where more lines are bad than max_bad allows.
    """
    chosen = set(only) or {source.name for source in context.recipe.sources}
    run = _Run(context, score_all, tuple(sorted(set(taggers))) or None)
    finished: dict[str, CuratedInput] = {}
    tasks: list[Task] = []
    for source in context.recipe.sources:
        if source.name not in chosen or not run.concerns(source):
            continue
        for shard in source.inputs:
            there = run.finished(source, shard)
            if there is not None:
                finished[shard.key] = there
            else:
                tasks.append(run.task(source, shard))
    try:
        finished |= run.outcomes(tasks, len(finished))
    finally:  # terminated or interrupted, too: else the next run reads these inputs to hash them
        run.hashes.save()
    curated = [finished[shard.key] for shard in context.recipe.inputs() if shard.key in finished]
    if context.failed and not curated:
        key, failure = min(context.failed.items())
        raise InputError(f"no shard could be read; {key}: {failure.text}")
    _check_bad(context, curated)
    return curated


def source_fingerprint(recipe: Recipe, source: Source, score_all: bool = False) -> str:
    """Everything but the input that decides what becomes of a shard of this source."""
    return fingerprint(
        reading_fingerprint(recipe, source),
        [[use.stage, tagger_fingerprint(use)] for use in source.taggers],
        [msgspec.to_builtins(rule) for rule in source.rules],
        [msgspec.to_builtins(mask) for mask in source.masks],
        score_all,
    )


def reading_fingerprint(recipe: Recipe, source: Source) -> str:
    """Everything but the input that decides which documents a shard of this source has."""
    reading = msgspec.to_builtins(source.reading)
    return fingerprint(code_fingerprint(), source.name, recipe.max_document_bytes, reading)


def tagger_fingerprint(use: TaggerUse) -> str:
    """Everything but the documents that decides what a tagger says."""
    assets = {name: asset_hash(name) for name in use.build().assets()}
    return fingerprint(code_fingerprint(), use.prefix, use.found.digest, use.settings, assets)


def curated_record(records: Records, key: str, expected: str) -> Record | None:
    """The record of a shard that need not be curated again, or None.

    The size of its attributes depends on which scores an earlier run has left in them: they have a
    record of their own, outside of the promise of same bytes.
    """
    if records.done("attributes", key, expected) is None:
        return None
    return records.done("curate", key, expected)


class _Run:
    """What all shards of one run of this pass have in common."""

    def __init__(self, context: Context, score_all: bool, only: tuple[str, ...] | None) -> None:
        recipe = context.recipe
        self.context = context
        self.score_all = score_all
        self.only = only
        self.hashes = InputHashes(context.work)
        listed = {shard.uri: shard.stamp for shard in recipe.inputs()}
        asked = stamps_of(uri for uri, stamp in listed.items() if stamp is None)
        self.stamps = {uri: asked.get(uri, stamp) for uri, stamp in listed.items()}
        self.common: dict[tuple[str, str], dict[str, Any]] = {}
        # before their content is hashed: what is written from now on is noticed
        files = [str(asset_path(name)) for name in recipe.assets()]
        self.asset_stamps = {path: stamp_of(path) for path in files}
        self.assets = {name: asset_hash(name) for name in recipe.assets()}
        self.settings: dict[str, str] = {}
        self.taggers: dict[str, tuple[str, ...]] = {}
        self.readings = {s.name: reading_fingerprint(recipe, s) for s in recipe.sources}
        for source in recipe.sources:
            if len(source.taggers) > MOST_TAGGERS:
                raise RecipeError(
                    f"source {source.name} has {len(source.taggers)} taggers, at most "
                    f"{MOST_TAGGERS} can be told apart"
                )
            settings = source_fingerprint(recipe, source, score_all)
            self.settings[source.name] = fingerprint(settings, only) if only else settings
            self.taggers[source.name] = tuple(map(tagger_fingerprint, source.taggers))

    def concerns(self, source: Source) -> bool:
        """Whether a tagger that is asked belongs to the source."""
        return self.only is None or any(use.prefix in self.only for use in source.taggers)

    def finished(self, source: Source, shard: Input) -> CuratedInput | None:
        """The shard as it was curated by these settings, or None."""
        records = self.context.records
        if self.context.force or records.read("curate", shard.key) is None:
            return None
        content = self._content(shard)
        if content is None:
            return None
        expected = fingerprint(self.settings[source.name], content)
        record = curated_record(records, shard.key, expected)
        if record is None:
            return None
        return CuratedInput(shard, expected, msgspec.convert(record.counts, Curated))

    def task(self, source: Source, shard: Input) -> Task:
        """All that a worker has to know; what shards have in common is held once."""
        reading = source.read_as(shard)
        common = self._common(source, reading)
        recorded = self.context.records.read("curate", shard.key) is not None
        own = {
            "key": shard.key,
            "uri": shard.uri,
            "content": self._content(shard) if recorded and common["reuse"] else None,
        }
        return Task(shard.key, common | own, shard.size or _size(shard.uri))

    def _common(self, source: Source, reading: Reading) -> dict[str, Any]:
        """The arguments of every shard of a source that is read in the same way."""
        known = self.common.get((source.name, reading.format))
        if known is None:
            context = self.context
            task = CurateTask(
                work=str(context.work.root),
                source=source.name,
                key="",
                uri="",
                taggers=source.taggers,
                fingerprints=self.taggers[source.name],
                rules=source.rules,
                masks=source.masks,
                sign=context.recipe.dedup,
                max_document_bytes=context.recipe.max_document_bytes,
                read_by=self.readings[source.name],
                reading=reading,
                reuse=not context.force,
                only=self.only,
                score_all=self.score_all,
                assets=self.assets,
            )
            known = dict(msgspec.to_builtins(task))
            self.common[source.name, reading.format] = known
        return known

    def _content(self, shard: Input) -> str | None:
        return self.hashes.get(shard.uri, self.stamps[shard.uri])

    def outcomes(self, tasks: list[Task], already: int) -> dict[str, CuratedInput]:
        """Run the tasks and commit what they made."""
        context = self.context
        shards = {shard.key: shard for shard in context.recipe.inputs()}
        for stage in ("curate", "attributes", "sign"):
            context.records.withdraw(stage, [task.key for task in tasks])
        finished = {}
        scores = Scores()
        function = "dolma_pipe.stages.filter:curate_shard"
        with context.records.writing() as write:
            for outcome in context.map("curate", function, tasks, already):
                shard = shards[outcome.key]
                refuse_changed(self.asset_stamps)
                if outcome.error is not None:
                    if outcome.error.kind == "bug":
                        raise_failure(outcome.key, outcome.error)
                    context.failed[outcome.key] = outcome.error
                    continue
                context.timings[-1]["scores"] = outcome.value["scores"]
                scores = _sum(scores, msgspec.convert(outcome.value["scores"], Scores))
                finished[shard.key] = self._commit(write, shard, outcome.value["counts"])
        if any(scores.reused.values()):
            context.watch.say(_told(scores))
        return finished

    def _commit(self, write: Write, shard: Input, told: dict[str, Any]) -> CuratedInput:
        work, counts = self.context.work, msgspec.convert(told, Curated)
        self.hashes.put(shard.uri, self.stamps[shard.uri], counts.content_hash)
        made_by = fingerprint(self.settings[shard.source], counts.content_hash)
        write("attributes", shard.key, made_by, [work.attributes(shard.key)], {})
        write("curate", shard.key, made_by, _files(work, shard.key), told)
        curated = CuratedInput(shard, made_by, counts)
        record_signatures(self.context, write, curated)
        return curated


def _sum(first: Scores, second: Scores) -> Scores:
    return Scores(
        dict(Counter(first.reused) + Counter(second.reused)),
        dict(Counter(first.made) + Counter(second.made)),
    )


def _told(scores: Scores) -> str:
    """Which scores stood there, and which documents were scored now."""
    reused = ", ".join(f"{prefix} {n:,}" for prefix, n in sorted(scores.reused.items()))
    made = ", ".join(f"{prefix} {n:,}" for prefix, n in sorted(scores.made.items()))
    return f"curate: documents whose scores were there: {reused}; scored now: {made or 'none'}"


def _size(uri: str) -> int:
    """Bytes of a local file; 1 for what is not local, or has just vanished (its task will tell)."""
    try:
        return Path(uri).stat().st_size
    except OSError:
        return 1


def _files(work: Work, key: str) -> list[Path]:
    """What pass 1 writes for a shard, without its attributes and signatures."""
    return [work.curated(key), work.columns(key), work.quarantine(key)]


class BadLines(msgspec.Struct):
    """More than max_bad allows, why they are bad, and the folder in which they are."""

    bad: int
    lines: int
    allowed: int
    reasons: dict[str, int]
    quarantine: str


def _check_bad(context: Context, curated: list[CuratedInput]) -> None:
    lines = sum(item.counts.lines for item in curated)
    bad = sum(item.counts.quarantined for item in curated)
    allowed = allowed_bad(context.recipe.max_bad, lines)
    if bad > allowed:
        reasons = sum((Counter(item.counts.quarantine_reasons) for item in curated), Counter[str]())
        reason, count = reasons.most_common(1)[0]
        place = address(context.work.root / "quarantine")
        raise TooManyBad(
            f"{bad} of {lines} lines are bad, max_bad allows {allowed}: "
            f"most often '{reason}' ({count}); see {place}",
            BadLines(bad, lines, allowed, dict(reasons.most_common()), place),
        )


def allowed_bad(max_bad: float | None, lines: int) -> int:
    """Bad lines allowed among so many: the larger of 10 and 0.1 %; below 1 it is a share."""
    if max_bad is None:
        return max(DEFAULT_BAD_LINES, int(DEFAULT_BAD_SHARE * lines))
    return int(max_bad * lines) if max_bad < 1 else int(max_bad)
