"""Arrow IPC files, streams and files with a footer (Feather), as Hugging Face's save_to_disk
leaves them: a document a row."""

import struct
from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa

from dolma_pipe.document import Document
from dolma_pipe.errors import InputError
from dolma_pipe.formats.messages import MAGIC, batch_sizes
from dolma_pipe.formats.reading import ColumnNames
from dolma_pipe.formats.rows import HONEST, Layout, Piece, WrongColumn, layout_of, rows_a_piece
from dolma_pipe.formats.source import Source, here
from dolma_pipe.settings import one_line
from dolma_pipe.stream import Damaged, Record

LARGEST_BATCH = 1 << 29
"""Bytes of a compressed batch that may be decompressed; or 32 documents where that is more, or what
an honest batch of its size in the file may take."""

END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)


class Arrow:
    """Rows of one file, numbered from 1. Nothing in an Arrow file is a checksum: each batch is
    validated before it is looked at, and where that fails, each of its rows.
    """

    def __init__(
        self, uri: str, columns: ColumnNames, max_document_bytes: int, *, messages: bool = False
    ) -> None:
        self._uri = uri
        self._columns = columns
        self._messages = messages
        self._max_document_bytes = max_document_bytes
        self.content_hash = ""

    @property
    def passed_over(self) -> dict[str, int]:
        return {}

    def records(self) -> Iterator[Record]:
        with here(self._uri) as (path, self.content_hash), Source(path) as source:
            self._check_sizes(source)
            schema, batches = _opened(source, path)
            try:
                layout = layout_of(schema, self._columns, messages=self._messages)
            except WrongColumn as wrong:
                raise InputError(f"{self._uri}: columns{wrong}") from None
            first = 1
            for batch in batches:
                if isinstance(batch, str):
                    yield Record(first, f"from row {first}".encode(), batch)
                    first += 1
                    continue
                yield from self._batch(batch, layout, first)
                first += batch.num_rows

    def _check_sizes(self, source: Source) -> None:
        with suppress(struct.error):  # damage is told by pyarrow
            for size, stored in batch_sizes(source):
                most = max(LARGEST_BATCH, 32 * self._max_document_bytes, HONEST * stored)
                if size > most:
                    told = f"a batch of {size:,} bytes, {most:,} are read (32 x max_document_bytes)"
                    raise Damaged(told)
        source.seek(0)

    def _batch(self, batch: pa.RecordBatch, layout: Layout, first: int) -> Iterator[Record]:
        for start, rows in _sound(batch):
            if isinstance(rows, str):
                yield Record(first + start, None, rows)
                continue
            step = rows_a_piece(rows.nbytes, rows.num_rows)
            for at in range(0, rows.num_rows, step):
                piece = Piece(rows.slice(at, step), layout, self._max_document_bytes)
                yield from piece.records(first + start + at)

    def parse(self, record: Record) -> tuple[Document, bytes, bool]:
        piece, place = record.content
        parsed: tuple[Document, bytes, bool] = piece.parse(place)
        return parsed

    def excerpt(self, record: Record) -> bytes:
        piece, place = record.content
        told: bytes = piece.excerpt(place)
        return told


def check_columns(uri: str, columns: ColumnNames, *, messages: bool = False) -> None:
    """Raise WrongColumn for a file without the columns; a damaged one is left to the reader."""
    with Source(uri) as source:
        try:
            schema, _ = _opened(source, uri)
        except Damaged:
            return
        layout_of(schema, columns, messages=messages)


def _sound(rows: pa.RecordBatch, start: int = 0) -> Iterator[tuple[int, pa.RecordBatch | str]]:
    """Slices that hold what their types say, each with its place, and of single rows why not."""
    try:
        rows.validate(full=True)
    except pa.ArrowInvalid as error:
        if rows.num_rows == 1:
            yield start, "invalid UTF-8" if "UTF8" in str(error) else "damaged row"
            return
        half = rows.num_rows // 2
        yield from _sound(rows.slice(0, half), start)
        yield from _sound(rows.slice(half), start + half)
        return
    yield start, rows


def _opened(source: Source, uri: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch | str]]:
    """The schema, and the batches or why one cannot be read.

    Local files are mapped: memory follows the pages that are looked at.
    """
    magic = source.read(len(MAGIC))
    source.seek(0)
    file = pa.PythonFile(source, mode="r") if "://" in uri else pa.memory_map(uri)
    try:
        if magic == MAGIC:
            reader = pa.ipc.open_file(file)
            batches = _of_file(reader, source)
        else:
            reader = pa.ipc.open_stream(file)
            batches = _of_stream(reader, source)
        _ = reader.schema.names  # decoded here, where damage is looked for
        return reader.schema, batches
    except DAMAGE as error:
        source.refuse()
        raise Damaged(f"truncated or damaged Arrow file: {one_line(error)[:80]}") from None


def _of_file(
    reader: pa.ipc.RecordBatchFileReader, source: Source
) -> Iterator[pa.RecordBatch | str]:
    for i in range(reader.num_record_batches):
        try:
            batch = reader.get_batch(i)
        except DAMAGE as error:
            source.refuse()
            yield f"damaged record batch: {one_line(error)[:80]}"
            continue
        yield batch


def _of_stream(
    stream: pa.ipc.RecordBatchStreamReader, source: Source
) -> Iterator[pa.RecordBatch | str]:
    while True:
        try:
            batch = stream.read_next_batch()
        except StopIteration:
            break
        except DAMAGE as error:
            source.refuse()
            yield f"truncated or damaged record batch: {one_line(error)[:80]}"
            return
        yield batch
    source.seek(-len(END_OF_STREAM), 2)
    if source.read() != END_OF_STREAM:
        yield "truncated: the stream does not end"
