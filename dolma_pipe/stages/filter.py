"""Pass 1, curate: stages 1 to 3 fused. A shard is read, tagged, kept, masked, signed, written.

Where attributes of it stand there, scores that still hold are used: decisions are made again, and
only the lines are parsed that survive or lack a score.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.attributes import Description
from dolma_pipe.batch import Batch, no_documents
from dolma_pipe.columns import to_arrow
from dolma_pipe.entries import Entry
from dolma_pipe.errors import InputError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.kernels.jit import Bool
from dolma_pipe.manifest import content_hash, stamp_of
from dolma_pipe.recipe import Mask, Rule, TaggerUse
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.stages.decide import KEPT, NamedTagger, by_cost, decide, foresee
from dolma_pipe.stages.dedup.sign import Signatures
from dolma_pipe.stages.memory import Memory, scored_by
from dolma_pipe.stages.outputs import Curated, Outputs
from dolma_pipe.stored import AttributeFile, Group, Unusable
from dolma_pipe.work import Work, atomic_write, exists, here


class CurateTask(msgspec.Struct, frozen=True):
    """One shard with all that stages 1 to 3 do to it.

    fingerprints: of each tagger. only: prefixes of the taggers that are asked, None for all.
    read_by: fingerprint of how lines become documents. content: hash of the input, where it is
    known. reuse: whether scores of an earlier run count. assets: name -> sha256 of the models, as
    they were when all of this was found.
    """

    work: str
    source: str
    key: str
    uri: str
    taggers: tuple[TaggerUse, ...]
    fingerprints: tuple[str, ...]
    rules: tuple[Rule, ...]
    masks: tuple[Mask, ...]
    sign: tuple[Entry, ...]
    max_document_bytes: int
    read_by: str
    reading: Reading
    content: str | None = None
    reuse: bool = True
    only: tuple[str, ...] | None = None
    score_all: bool = False
    assets: dict[str, str] = {}


class Scores(msgspec.Struct):
    """Documents by tagger: whose scores stood there, and who were scored now."""

    reused: dict[str, int] = {}
    made: dict[str, int] = {}


def curate_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task function of pass 1: everything that is made of one shard.

    Returns its counts (Curated), and apart from them what depends on history (Scores).
    """
    task = msgspec.convert(args, CurateTask)
    stamps = stamps_of(task.assets)
    curation = _Curation(task, stamps)
    counts = None
    with suppress(Unusable):
        counts = curation.again()
    if counts is None:  # not while Unusable is handled: a tagger's traceback would begin with it
        curation = _Curation(task, stamps)
        counts = curation.whole()
    return {
        "counts": msgspec.to_builtins(counts),
        "scores": msgspec.to_builtins(curation.scores),
    }


@lru_cache(maxsize=8)
def _taggers(uses: bytes, stamps: bytes) -> tuple[NamedTagger, ...]:
    """Built once a worker: models stay loaded from shard to shard, as long as they are the same."""
    del stamps
    decoded = msgspec.json.decode(uses, type=list[tuple[TaggerUse, str, bool]])
    named = [NamedTagger(use.prefix, use.build(), mark, asked) for use, mark, asked in decoded]
    return tuple(by_cost(named))


class _Curation:
    """One shard on its way."""

    def __init__(self, task: CurateTask, stamps: Mapping[str, str | None]) -> None:
        self.task = task
        self.stamps = stamps
        self.work = Work(task.work)
        uses = [
            (use, mark, task.only is None or use.prefix in task.only)
            for use, mark in zip(task.taggers, task.fingerprints, strict=True)
        ]
        self.taggers = _taggers(msgspec.json.encode(uses), msgspec.json.encode(stamps))
        self.signatures = Signatures(task.sign, task.source, self.work.dedup)
        self.scores = Scores()

    def again(self) -> Curated:
        """Decide with what scores there are. Raises Unusable where there are none."""
        path = self.work.attributes(self.task.key)
        if not self.task.reuse:
            raise Unusable(path)
        stored = AttributeFile(path)
        self._check(stored.description)
        with ExitStack() as stack:
            memory = Memory(stored.description, self.taggers)
            outputs = self._outputs(memory.taggers, stack)
            reader = self._reader(_told_before)
            for group in stored.groups():
                self._group(group, memory, reader, outputs)
            reader.finish()
            if reader.content_hash != stored.description.input:
                raise Unusable(path)
            description = msgspec.structs.replace(stored.description, taggers=memory.described)
            return self._finished(outputs, description)

    def whole(self) -> Curated:
        """Read and score everything."""
        taggers = [named for named in self.taggers if named.asked]
        with ExitStack() as stack:
            file = stack.enter_context(atomic_write(self.work.quarantine(self.task.key)))
            quarantine = _Quarantine(self.task.key, file)
            outputs = self._outputs(taggers, stack)
            reader = self._reader(quarantine.add)
            for batch in reader:
                self._batch(batch, taggers, outputs)
            if not reader.documents:  # the Parquet files have their columns all the same
                self._batch(no_documents(), taggers, outputs)
            description = Description(
                input=reader.content_hash,
                read_by=self.task.read_by,
                lines=reader.documents + reader.quarantined,
                quarantined=reader.quarantined,
                repaired=reader.repaired,
                reasons=dict(quarantine.reasons),
                passed_over=reader.passed_over,
                quarantine=quarantine.hash.hexdigest(),
                taggers=scored_by(taggers),
            )
            return self._finished(outputs, description)

    def _check(self, description: Description) -> None:
        """Whether attributes speak of this input, read in this way. Raises Unusable."""
        path = self.work.quarantine(self.task.key)
        if (
            description.read_by != self.task.read_by
            or not exists(path)
            or content_hash(str(here(path))) != description.quarantine
            or (self.task.content or content_hash(self.task.uri)) != description.input
        ):
            raise Unusable(path)

    def _outputs(self, taggers: Sequence[NamedTagger], stack: ExitStack) -> Outputs:
        task = self.task
        columns = {name for named in taggers for name in named.columns()}
        masks = [mask for mask in task.masks if mask.column in columns]
        return Outputs(
            self.work,
            task.key,
            task.rules,
            masks,
            self.signatures,
            stack,
            messages=task.reading.messages,
        )

    def _reader(self, quarantine: Callable[[Quarantined], None]) -> ShardReader:
        return ShardReader(
            self.task.uri,
            source=self.task.source,
            shard=self.task.key,
            reading=self.task.reading,
            max_document_bytes=self.task.max_document_bytes,
            quarantine=quarantine,
        )

    def _batch(self, batch: Batch, taggers: Sequence[NamedTagger], outputs: Outputs) -> None:
        """Score, decide, and write a batch of which nothing is known."""
        decided = decide(batch, taggers, self.task.rules, self.task.score_all)
        columns = {
            name: to_arrow(decided.columns[name], scored)
            for named, scored in zip(taggers, decided.scored, strict=True)
            for name in named.columns()
        }
        documents = batch.documents
        base = {"line": documents.column("line"), "id": documents.column("id")}
        base["bytes"] = pa.array(np.diff(batch.offsets))
        outputs.attributes(base, decided.dropped_by, decided.scored, columns)
        outputs.survivors(batch, decided.columns, np.flatnonzero(decided.dropped_by == KEPT))
        nothing = [np.zeros(len(batch), np.bool_)] * len(taggers)
        self._count(taggers, nothing, decided.scored)

    def _group(self, group: Group, memory: Memory, reader: ShardReader, outputs: Outputs) -> None:
        """Decide a batch again; only lines are parsed that survive or lack a score."""
        task, taggers = self.task, memory.taggers
        known = memory.known(group)
        foreseen = foresee(known, len(group), taggers, task.rules, task.score_all)
        rows = np.flatnonzero(foreseen.wanted)
        try:
            batch = reader.take(group.lines[rows])
        except LookupError as error:
            raise Unusable(error) from error
        decided = decide(batch, taggers, task.rules, task.score_all, known.of(rows))
        dropped_by = foreseen.dropped_by
        dropped_by[rows] = decided.dropped_by
        scored = memory.scored(group, known, decided, rows)
        base = {name: group.array(name) for name in ("line", "id", "bytes")}
        outputs.attributes(base, dropped_by, scored, memory.columns(group, known, decided, rows))
        outputs.survivors(batch, decided.columns, np.flatnonzero(decided.dropped_by == KEPT))
        self._count(taggers, known.scored, scored)

    def _count(
        self, taggers: Sequence[NamedTagger], before: Sequence[Bool], after: Sequence[Bool]
    ) -> None:
        reused, made = Counter(self.scores.reused), Counter(self.scores.made)
        for named, had, has in zip(taggers, before, after, strict=False):
            reused[named.prefix] += int(had.sum())
            made[named.prefix] += int(has.sum() - had.sum())
        self.scores = Scores(dict(reused), dict(made))

    def _finished(self, outputs: Outputs, description: Description) -> Curated:
        """The last step before the files appear."""
        refuse_changed(self.stamps)
        if self.task.sign:
            self.signatures.write(self.work.signatures(self.task.key))
        return outputs.finish(description)


class _Quarantine:
    """Lines that are no documents: written, counted by reason, hashed."""

    def __init__(self, key: str, file: IO[bytes]) -> None:
        self._key = key
        self._file = file
        self.reasons: Counter[str] = Counter()
        self.hash = xxhash.xxh3_128()

    def add(self, bad: Quarantined) -> None:
        """One more."""
        self.reasons[bad.reason] += 1
        line = msgspec.json.encode({"shard": self._key, **bad._asdict()}) + b"\n"
        self.hash.update(line)
        self._file.write(line)


def _told_before(bad: Quarantined) -> None:
    """Bad lines stand in the quarantine of the earlier run."""


def stamps_of(assets: Mapping[str, str]) -> dict[str, str | None]:
    """Path -> stamp of each model on this machine, before a tagger loads it. Raises InputError
    where one is not what it was on the machine that began the run."""
    stamps = {}
    for name, sha256 in assets.items():
        path = asset_path(name)
        stamps[str(path)] = stamp_of(str(path))
        if asset_hash(name) != sha256:
            raise InputError(f"{path} was changed during the run: run again")
    return stamps


def refuse_changed(stamps: Mapping[str, str | None]) -> None:
    """Raise InputError where a model is not what it was: its scores would stand under the old
    one's name."""
    for path, stamp in stamps.items():
        if stamp_of(path) != stamp:
            raise InputError(f"{path} was changed during the run: run again")
