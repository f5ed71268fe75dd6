"""A shard: one file of documents, read as batches and written as zstd, local or on an object
store."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
import zstandard

from dolma_pipe.batch import SCHEMA, Batch, no_documents
from dolma_pipe.document import BadLine, Document, with_fields
from dolma_pipe.formats.open import open_format
from dolma_pipe.formats.reading import Reading
from dolma_pipe.kernels.idset import IdSet
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stream import Damaged, Record
from dolma_pipe.work import atomic_write

BATCH_BYTES = 8 << 20
BATCH_DOCUMENTS = 1 << 16
MAX_DOCUMENT_BYTES = 16 << 20
ZSTD_LEVEL = 3
FAST_LEVEL = 1
"""For what is read again soon: 2.6 times faster than level 3, an eighth larger."""


class Quarantined(NamedTuple):
    """A line that is not a document: where, why, and how it begins."""

    line: int
    reason: str
    excerpt: str


def no_quarantine(bad: Quarantined) -> None:
    """For shards of our own making, which hold no bad lines."""
    raise ValueError(f"line {bad.line}: {bad.reason}")


class _Parsed(NamedTuple):
    line: int
    document: Document
    raw: bytes


class ShardReader:
    """Iterates the batches of a shard; what is not a document goes to `quarantine`.

    After the iteration: `documents`, `repaired` and `quarantined` are counts, `content_hash` is
    the xxh3-128 of the stored bytes. Raises InputError where the shard cannot be read at all.
    """

    def __init__(
        self,
        uri: str | Path,
        *,
        source: str = "",
        shard: str = "",
        reading: Reading = Reading(),  # noqa: B008  frozen
        max_document_bytes: int = MAX_DOCUMENT_BYTES,
        batch_bytes: int = BATCH_BYTES,
        quarantine: Callable[[Quarantined], None] = no_quarantine,
    ) -> None:
        self._format = open_format(str(uri), reading, max_document_bytes)
        self._source = source
        self._shard = shard or Path(str(uri)).name
        self._batch_bytes = batch_bytes
        self._quarantine = quarantine
        self._ids = IdSet()
        self._unread = self._records()
        self.documents = 0
        self.repaired = 0
        self.quarantined = 0

    @property
    def content_hash(self) -> str:
        """xxh3-128 of the stored bytes, as 32 hexadecimal digits."""
        return self._format.content_hash

    @property
    def passed_over(self) -> dict[str, int]:
        """Records that are no lines of the shard by definition: kind -> how many."""
        return self._format.passed_over

    def __iter__(self) -> Iterator[Batch]:
        held: list[_Parsed] = []
        size = 0
        for record in self._unread:
            if parsed := self._parse(record):
                held.append(parsed)
                size += len(parsed.raw)
            if size >= self._batch_bytes or len(held) >= BATCH_DOCUMENTS:
                yield from self._batch(held)
                held, size = [], 0
        yield from self._batch(held)

    def take(self, lines: I64) -> Batch:
        """The documents of these lines (from 1, ascending, behind all that were taken before).

        The lines between are passed over unparsed. Raises LookupError where one of the lines is no
        document.
        """
        held: list[_Parsed] = []
        wanted = lines.tolist()
        for record in self._unread if wanted else ():
            if record.number != wanted[len(held)]:
                continue
            if (parsed := self._parse(record)) is None:
                break
            held.append(parsed)
            if len(held) == len(wanted):
                break
        if len(held) < len(wanted):
            raise LookupError(f"line {wanted[len(held)]} is no document")
        return Batch(_record_batch(held, self._source), self._shard) if held else no_documents()

    def finish(self) -> None:
        """Pass over the lines that are left: content_hash is that of the whole shard."""
        for _ in self._unread:
            pass

    def _records(self) -> Iterator[Record]:
        number = 0
        try:
            for record in self._format.records():
                number = record.number
                yield record
        except Damaged as damage:
            self._bad(number + 1, str(damage))

    def _parse(self, record: Record) -> _Parsed | None:
        if record.fault is not None:
            self._bad(record.number, record.fault, record.content or b"")
            return None
        try:
            document, raw, repaired = self._format.parse(record)
        except BadLine as bad:
            self._bad(record.number, str(bad), self._format.excerpt(record))
            return None
        if document.id is None:
            document.id = f"{self._shard}:{record.number}"
            raw = with_fields(raw, id=document.id)
        self.repaired += repaired
        return _Parsed(record.number, document, raw)

    def _batch(self, parsed: list[_Parsed]) -> Iterator[Batch]:
        """The batch of these documents, without those whose id came before in the shard."""
        if not parsed:
            return
        hashes = [xxhash.xxh3_64_intdigest(str(item.document.id).encode()) for item in parsed]
        repeated = self._ids.add(np.array(hashes, np.uint64))
        for i in np.flatnonzero(repeated):
            self._bad(parsed[i].line, "id repeated in its shard", parsed[i].raw)
        kept = [item for item, seen in zip(parsed, repeated, strict=True) if not seen]
        self.documents += len(kept)
        if kept:
            yield Batch(_record_batch(kept, self._source), self._shard)

    def _bad(self, line: int, reason: str, content: bytes = b"") -> None:
        self.quarantined += 1
        self._quarantine(Quarantined(line, reason, content[:200].decode(errors="replace")))


def _record_batch(parsed: list[_Parsed], source: str) -> pa.RecordBatch:
    documents = [item.document for item in parsed]
    columns = [
        [document.id for document in documents],
        [document.text for document in documents],
        [_text(document.source) or source for document in documents],
        [_text(document.added) for document in documents],
        [_text(document.created) for document in documents],
        [item.line for item in parsed],
        [item.raw for item in parsed],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class ShardWriter:
    """Lines into one zstd file: one frame, a checksum in it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.documents = 0
        self.bytes = 0

    def lines(self, lines: Iterable[bytes]) -> None:
        """Append lines (without line ends)."""
        for line in lines:
            self._write(line + b"\n")
            self.documents += 1
            self.bytes += len(line) + 1


@contextmanager
def write_shard(path: Path, level: int = ZSTD_LEVEL) -> Iterator[ShardWriter]:
    """A writer of a .jsonl.zst file; nothing appears under the name unless the block ends well."""
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
    with (
        atomic_write(path) as file,
        compressor.stream_writer(file, closefd=False, write_size=1 << 20) as stream,
    ):
        yield ShardWriter(stream.write)
