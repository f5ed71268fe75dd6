"""Parquet: a document a row, read by pages, so that memory follows some rows and never the row
group."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.document import Document
from dolma_pipe.errors import InputError
from dolma_pipe.formats.pages import WINDOW, NoPage, pages
from dolma_pipe.formats.reading import ColumnNames
from dolma_pipe.formats.rows import (
    EXPANDED,
    HONEST,
    Layout,
    Piece,
    WrongColumn,
    layout_of,
    rows_a_piece,
)
from dolma_pipe.formats.source import Source, here
from dolma_pipe.settings import one_line
from dolma_pipe.stream import Damaged, Record

READ_AHEAD = 1 << 20
"""Bytes of a column chunk that are read at once."""

LARGEST_PAGES = 1 << 28
"""Bytes of pages that may be in memory together, decompressed; or 16 documents where that is more,
or what honest pages of a row group of its size in the file may take."""

SPARSE, ELEMENT_BYTES = 8, 12
"""Elements of a list a byte from which on they may be no more than a number: nulls, one value
again and again. Then what pyarrow takes for each is counted, for all of a row group, since nothing
says how many of them a row has."""

DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises for a damaged file: OSError for pages, the last for names of columns."""


class Parquet:
    """Rows of one file, numbered from 1. A damaged row group is one bad record, which tells its
    rows."""

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
            file = _opened(source)
            try:
                layout = layout_of(file.schema_arrow, self._columns, messages=self._messages)
            except WrongColumn as wrong:
                raise InputError(f"{self._uri}: columns{wrong}") from None
            first = 1
            for group in range(file.num_row_groups):
                yield from self._group(file, source, group, layout, first)
                first += file.metadata.row_group(group).num_rows

    def _group(
        self, file: pq.ParquetFile, source: Source, group: int, layout: Layout, first: int
    ) -> Iterator[Record]:
        described = file.metadata.row_group(group)
        last = first + described.num_rows - 1
        if last < first:
            return
        try:
            _check_pages(source, file, group, max(LARGEST_PAGES, 16 * self._max_document_bytes))
        except (NoPage, OSError, ValueError) as error:
            source.refuse()
            told = f"row group {group}, rows {first} to {last}: {one_line(error)[:80]}"
            yield Record(first, told.encode(), "damaged row group")
            return
        step = rows_a_piece(described.total_byte_size, described.num_rows)
        most = EXPANDED // max(1, _shared_bytes(source, described, EXPANDED // step))
        pieces = file.iter_batches(max(1, min(step, most)), row_groups=[group], use_threads=False)
        damage = "rows are missing"
        while first <= last:
            try:
                rows = next(pieces)
            except StopIteration:
                break
            except DAMAGE as error:
                source.refuse()
                damage = one_line(error)[:80]
                break
            yield from Piece(rows, layout, self._max_document_bytes).records(first)
            first += rows.num_rows
        if first <= last:
            told = f"row group {group}, rows {first} to {last}: {damage}"
            yield Record(first, told.encode(), "damaged row group")

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
            schema = _opened(source).schema_arrow
        except Damaged:
            return
        layout_of(schema, columns, messages=messages)


def _opened(source: Source) -> pq.ParquetFile:
    """Raises Damaged where the file has no footer or not the one that it says."""
    try:
        file = pq.ParquetFile(
            pa.PythonFile(source, mode="r"),
            buffer_size=READ_AHEAD,
            pre_buffer=False,
            page_checksum_verification=True,
        )
        _ = file.schema_arrow.names  # decoded here, where damage is looked for
        return file
    except DAMAGE as error:
        source.refuse()
        raise Damaged(f"truncated or damaged Parquet file: {one_line(error)[:80]}") from None


def _shared_bytes(source: Source, described: pq.RowGroupMetaData, least: int) -> int:
    """The most bytes that a row can have of values that are stored once for many rows: in
    dictionaries, and as common beginnings. Below `least` the size of the columns is told."""
    columns = [described.column(i) for i in range(described.num_columns)]
    shared = [
        column
        for column in columns
        if column.has_dictionary_page or "DELTA_BYTE_ARRAY" in column.encodings
    ]
    whole = sum(int(column.total_uncompressed_size) for column in shared)
    if whole <= least:
        return whole
    return sum(_dictionary_bytes(source, column) for column in shared)


def _dictionary_bytes(source: Source, column: pq.ColumnChunkMetaData) -> int:
    """Of the dictionary page of a column, as its header says; of the column where it has none."""
    whole = int(column.total_uncompressed_size)
    if "DELTA_BYTE_ARRAY" in column.encodings or column.dictionary_page_offset is None:
        return whole
    begin = int(column.dictionary_page_offset)
    try:
        first = next(pages(source, begin, begin + WINDOW))
    except (NoPage, OSError, ValueError):
        source.refuse()
        return whole
    return max(first.size, first.stored) if first.is_dictionary else whole


def _check_pages(source: Source, file: pq.ParquetFile, group: int, most: int) -> None:
    """Raise NoPage where pages that are in memory together, one a column, take more than `most`
    and than honest ones, or lists have as many elements that take no room."""
    described = file.metadata.row_group(group)
    stored = sum(described.column(i).total_compressed_size for i in range(described.num_columns))
    most = max(most, HONEST * min(stored, source.seek(0, io.SEEK_END)))
    held = 0
    for i in range(described.num_columns):
        column, has_lists = described.column(i), file.schema.column(i).max_repetition_level > 0
        begin = int(column.data_page_offset)
        if column.dictionary_page_offset is not None:
            begin = min(begin, int(column.dictionary_page_offset))
        largest = elements = 0
        for page in pages(source, begin, begin + int(column.total_compressed_size)):
            largest = max(largest, page.size, page.stored)
            if has_lists and page.values > SPARSE * page.size:
                elements += page.values
        held += max(largest, ELEMENT_BYTES * elements)
        if held > most:
            raise NoPage(f"pages of {held:,} bytes, {most:,} are read (16 x max_document_bytes)")
