"""Pass 1, curate: stages 1 to 3 fused. A shard is read, tagged, kept, masked, signed, written."""

from collections import Counter
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dolma_pipe.attributes import ParquetRows, attribute_columns, write_parquet
from dolma_pipe.batch import Batch, no_documents
from dolma_pipe.columns import Settled, gather, numbers, to_arrow
from dolma_pipe.document import with_fields
from dolma_pipe.entries import Entry
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.kernels.spans import masked
from dolma_pipe.recipe import Mask, Rule, TaggerUse
from dolma_pipe.shard import Quarantined, ShardReader, ShardWriter, write_shard
from dolma_pipe.stages.decide import KEPT, NamedTagger, by_cost, decide
from dolma_pipe.stages.dedup.sign import Signatures
from dolma_pipe.tagger import Spans
from dolma_pipe.work import Work, atomic_write


class CurateTask(msgspec.Struct, frozen=True):
    """One shard with all that stages 1 to 3 do to it."""

    work: str
    source: str
    key: str
    uri: str
    taggers: tuple[TaggerUse, ...]
    rules: tuple[Rule, ...]
    masks: tuple[Mask, ...]
    sign: tuple[Entry, ...]
    max_document_bytes: int
    score_all: bool = False


class Curated(msgspec.Struct):
    """Exact counts of a shard: lines = kept + sum(dropped) + quarantined. bytes: of text."""

    content_hash: str = ""
    lines: int = 0
    quarantined: int = 0
    repaired: int = 0
    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    dropped: dict[str, int] = {}
    dropped_bytes: dict[str, int] = {}
    quarantine_reasons: dict[str, int] = {}
    masked_documents: int = 0
    masked_spans: dict[str, int] = {}


def curate_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task function of pass 1: everything that is made of one shard."""
    task = msgspec.convert(args, CurateTask)
    counts: dict[str, Any] = msgspec.to_builtins(_Curation(task).run())
    return counts


@lru_cache(maxsize=8)
def _taggers(uses: bytes) -> tuple[NamedTagger, ...]:
    """Built once a worker: models stay loaded from shard to shard."""
    decoded = msgspec.json.decode(uses, type=list[TaggerUse])
    return tuple(by_cost([NamedTagger(use.prefix, use.build()) for use in decoded]))


class _Curation:
    """One shard on its way; holds the open outputs."""

    def __init__(self, task: CurateTask) -> None:
        self.task = task
        self.work = Work(task.work)
        self.taggers = _taggers(msgspec.json.encode(task.taggers))
        self.signatures = Signatures(task.sign, task.source)
        self.counts = Curated()
        self.dropped: Counter[str] = Counter({rule.column: 0 for rule in task.rules})
        self.dropped_bytes: Counter[str] = Counter(self.dropped)
        self.reasons: Counter[str] = Counter()
        self.masked_spans: Counter[str] = Counter({mask.column: 0 for mask in task.masks})

    def run(self) -> Curated:
        task, work = self.task, self.work
        with ExitStack() as outputs:
            self.quarantine = outputs.enter_context(atomic_write(work.quarantine(task.key)))
            self.writer: ShardWriter = outputs.enter_context(write_shard(work.curated(task.key)))
            self.survivors: ParquetRows = outputs.enter_context(
                write_parquet(work.columns(task.key))
            )
            self.attributes: ParquetRows = outputs.enter_context(
                write_parquet(work.attributes(task.key))
            )
            reader = ShardReader(
                task.uri,
                source=task.source,
                shard=task.key,
                max_document_bytes=task.max_document_bytes,
                quarantine=self._quarantine,
            )
            for batch in reader:
                self._batch(batch)
            if not reader.documents:  # the Parquet files have their columns all the same
                self._batch(no_documents())
        if task.sign:
            self.signatures.write(work.signatures(task.key))
        self.counts.content_hash = reader.content_hash
        self.counts.lines = reader.documents + reader.quarantined
        self.counts.quarantined = reader.quarantined
        self.counts.repaired = reader.repaired
        self.counts.dropped = dict(self.dropped)
        self.counts.dropped_bytes = dict(self.dropped_bytes)
        self.counts.quarantine_reasons = dict(self.reasons)
        self.counts.masked_spans = dict(self.masked_spans)
        return self.counts

    def _quarantine(self, bad: Quarantined) -> None:
        self.reasons[bad.reason] += 1
        told = {"shard": self.task.key, **bad._asdict()}
        self.quarantine.write(msgspec.json.encode(told) + b"\n")

    def _batch(self, batch: Batch) -> None:
        """Score, decide, count, and write the survivors."""
        rules = self.task.rules
        columns, dropped_by = decide(batch, self.taggers, rules, self.task.score_all)
        lengths = np.diff(batch.offsets)
        for place in np.unique(dropped_by[dropped_by != KEPT]):
            hit = dropped_by == place
            self.dropped[rules[place].column] += int(hit.sum())
            self.dropped_bytes[rules[place].column] += int(lengths[hit].sum())
        kept = np.flatnonzero(dropped_by == KEPT)
        self.counts.bytes += int(lengths.sum())
        self._write_attributes(batch, columns, dropped_by)
        self._write_survivors(batch, columns, kept)

    def _write_attributes(self, batch: Batch, columns: dict[str, Settled], dropped_by: I64) -> None:
        names = pa.array([rule.column for rule in self.task.rules], pa.string())
        reasons = names.take(pa.array(dropped_by, mask=dropped_by == KEPT))
        base = {"line": batch.documents.column("line"), "id": batch.documents.column("id")}
        self.attributes.add(attribute_columns(base, columns, reasons))

    def _write_survivors(self, batch: Batch, columns: dict[str, Settled], kept: I64) -> None:
        survivors = batch if len(kept) == len(batch) else batch.select(kept)
        columns = {name: gather(columns[name], kept) for name in columns}
        curated, changed = self._mask(survivors, columns)
        raws = curated.documents.column("raw").to_pylist()
        for row in np.flatnonzero(changed).tolist():
            raws[row] = with_fields(raws[row], text=curated.documents.column("text")[row].as_py())
        self.writer.lines(raws)
        lengths = np.diff(curated.offsets)
        self.counts.kept += len(curated)
        self.counts.kept_bytes += int(lengths.sum())
        self.counts.masked_documents += int(changed.sum())
        numeric = numbers(columns)
        documents = curated.documents
        self.survivors.add(
            {
                "id": documents.column("id"),
                "line": documents.column("line"),
                "length": pa.array(lengths),
                "created": documents.column("created"),
                **{name: to_arrow(numeric[name]) for name in sorted(numeric)},
            }
        )
        self.signatures.add(curated, numeric)

    def _mask(self, batch: Batch, columns: dict[str, Settled]) -> tuple[Batch, Bool]:
        """All masks at once: the union of their spans, on the text that the taggers saw."""
        spans: list[tuple[Spans, bytes]] = []
        for mask in self.task.masks:
            column = columns[mask.column]
            assert isinstance(column, Spans)  # the recipe was checked
            self.masked_spans[mask.column] += len(column.starts)
            spans.append((column, mask.replacement.encode()))
        if not any(len(column.starts) for column, _ in spans):
            return batch, np.zeros(len(batch), np.bool_)
        text, offsets, changed = masked(batch.text, batch.offsets, spans)
        return batch.with_text(text, offsets), changed
