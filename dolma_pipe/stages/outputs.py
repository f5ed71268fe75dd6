"""What pass 1 writes of a shard, batch by batch: attributes of all documents; survivors with their
columns and signatures; and the counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from dolma_pipe.attributes import Description, ParquetRows, attribute_columns, write_parquet
from dolma_pipe.batch import Batch
from dolma_pipe.columns import Settled, gather, numbers, to_arrow
from dolma_pipe.conversations import around_marks
from dolma_pipe.document import with_fields
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.kernels.spans import SpansLike, masked
from dolma_pipe.recipe import Mask, Rule
from dolma_pipe.shard import FAST_LEVEL, ShardWriter, write_shard
from dolma_pipe.stages.decide import KEPT
from dolma_pipe.stages.dedup.sign import Signatures
from dolma_pipe.tagger import Spans
from dolma_pipe.work import Work


class Curated(msgspec.Struct):
    """Exact counts of a shard: lines = kept + sum(dropped) + quarantined. bytes: of text.

    unscored: those of `dropped` that have no score in the column of their rule.
    passed_over: records of a WARC file that are no lines of it, by kind. survivors_hash: of the
    documents that are kept and their lines, whatever scored them.
    """

    content_hash: str = ""
    survivors_hash: str = ""
    lines: int = 0
    quarantined: int = 0
    repaired: int = 0
    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    dropped: dict[str, int] = {}
    dropped_bytes: dict[str, int] = {}
    unscored: dict[str, int] = {}
    quarantine_reasons: dict[str, int] = {}
    passed_over: dict[str, int] = {}
    masked_documents: int = 0
    masked_spans: dict[str, int] = {}


class Outputs:
    """The open files of one shard; they appear when the stack closes without an error."""

    def __init__(
        self,
        work: Work,
        key: str,
        rules: Sequence[Rule],
        masks: Sequence[Mask],
        signatures: Signatures,
        stack: ExitStack,
        *,
        messages: bool = False,
    ) -> None:
        """messages: whether the documents are conversations, whose marks no mask may replace."""
        self._messages = messages
        self._rules = rules
        self._masks = masks
        self._signatures = signatures
        writer = write_shard(work.curated(key), FAST_LEVEL)
        self._curated: ShardWriter = stack.enter_context(writer)
        self._columns: ParquetRows = stack.enter_context(write_parquet(work.columns(key)))
        self._attributes: ParquetRows = stack.enter_context(write_parquet(work.attributes(key)))
        self._counts = Curated()
        self._hash, self._lines_hash = xxhash.xxh3_128(), xxhash.xxh3_128()  # whatever the batches
        self._dropped: Counter[str] = Counter({rule.column: 0 for rule in rules})
        self._dropped_bytes: Counter[str] = Counter(self._dropped)
        self._unscored: Counter[str] = Counter()
        self._masked_spans: Counter[str] = Counter({mask.column: 0 for mask in masks})

    def attributes(
        self,
        base: Mapping[str, pa.Array],
        dropped_by: I64,
        scored: Sequence[Bool],
        columns: Mapping[str, pa.Array],
    ) -> None:
        """Write and count a row group: base has line, id and bytes; columns are in Arrow."""
        lengths = base["bytes"].to_numpy(zero_copy_only=False)
        for place in np.unique(dropped_by[dropped_by != KEPT]):
            hit, name = dropped_by == place, self._rules[place].column
            self._dropped[name] += int(hit.sum())
            self._dropped_bytes[name] += int(lengths[hit].sum())
            if columns[name].null_count:
                none = columns[name].is_null().to_numpy(zero_copy_only=False)
                self._unscored[name] += int((hit & none).sum())
        self._counts.bytes += int(lengths.sum())
        names = pa.array([rule.column for rule in self._rules], pa.string())
        reasons = names.take(pa.array(dropped_by, mask=dropped_by == KEPT))
        self._attributes.add(attribute_columns(base, reasons, scored, columns))

    def survivors(self, batch: Batch, columns: Mapping[str, Settled], kept: I64) -> None:
        """Mask, write, count and sign the rows of the batch that are kept."""
        chosen = batch if len(kept) == len(batch) else batch.select(kept)
        columns = {name: gather(columns[name], kept) for name in columns}
        curated, changed = self._mask(chosen, columns)
        raws = curated.documents.column("raw").to_pylist()
        for row in np.flatnonzero(changed).tolist():
            raws[row] = with_fields(raws[row], text=curated.documents.column("text")[row].as_py())
        self._curated.lines(raws)
        self._hash.update(b"".join(raw + b"\n" for raw in raws))
        self._lines_hash.update(curated.documents.column("line").to_numpy().tobytes())
        lengths = np.diff(curated.offsets)
        self._counts.kept += len(curated)
        self._counts.kept_bytes += int(lengths.sum())
        self._counts.masked_documents += int(changed.sum())
        numeric = numbers(columns)
        documents = curated.documents
        self._columns.add(
            {
                "id": documents.column("id"),
                "line": documents.column("line"),
                "length": pa.array(lengths),
                "created": documents.column("created"),
                **{
                    name: to_arrow(column)
                    for name, column in sorted(columns.items())
                    if not isinstance(column, Spans)
                },
            }
        )
        self._signatures.add(curated, numeric)

    def _mask(self, batch: Batch, columns: Mapping[str, Settled]) -> tuple[Batch, Bool]:
        """All masks at once: the union of their spans, on the text that the taggers saw."""
        spans: list[tuple[SpansLike, bytes]] = []
        for mask in self._masks:
            column = columns[mask.column]
            assert isinstance(column, Spans)  # the recipe was checked
            self._masked_spans[mask.column] += len(column.starts)
            apart = around_marks(column, batch.text, batch.offsets) if self._messages else column
            spans.append((apart, mask.replacement.encode()))
        if not any(len(column.starts) for column, _ in spans):
            return batch, np.zeros(len(batch), np.bool_)
        text, offsets, changed = masked(batch.text, batch.offsets, spans)
        return batch.with_text(text, offsets), changed

    def finish(self, description: Description) -> Curated:
        """Describe the attributes; returns all counts."""
        self._attributes.describe(description)
        return msgspec.structs.replace(
            self._counts,
            content_hash=description.input,
            survivors_hash=self._hash.hexdigest() + self._lines_hash.hexdigest(),
            lines=description.lines,
            quarantined=description.quarantined,
            repaired=description.repaired,
            dropped=dict(self._dropped),
            dropped_bytes=dict(self._dropped_bytes),
            unscored={name: n for name, n in self._unscored.items() if n},
            quarantine_reasons=description.reasons,
            passed_over=description.passed_over,
            masked_spans=dict(self._masked_spans),
        )
