"""Attributes that dolma's taggers wrote, as Parquet in our bytes, beside the documents of a
shard."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.batch import Batch, no_documents
from dolma_pipe.codepoints import CodePoints
from dolma_pipe.columns import to_arrow
from dolma_pipe.dolma import AttributeLine, Span
from dolma_pipe.errors import InputError
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.reread import Reread, reader_of
from dolma_pipe.stream import ByteStream, Damaged, read_lines
from dolma_pipe.tagger import Spans
from dolma_pipe.work import atomic_write, here

BASE = ("line", "id", "bytes", "found")
"""Columns of our files that are no attributes."""

MOST_AHEAD = 1 << 16
"""Lines of attributes that are held while their documents have not come."""

MOST_BYTES = 1 << 28
"""Bytes of a line of attributes."""


class ImportTask(msgspec.Struct, frozen=True):
    """One shard: its documents, dolma's file, ours. attributes: our column -> its name there."""

    given: Reread
    file: str
    attributes: dict[str, str]
    out: str


def scan_attributes(args: dict[str, Any]) -> list[str]:
    """Task function: every attribute that a file has in any of its lines. args: file."""
    names: set[str] = set()
    for _, line in _attribute_lines(args["file"]):
        names |= line.attributes.keys()
    return sorted(names)


def import_attributes(args: dict[str, Any]) -> dict[str, Any]:
    """Task function. Returns counts and `partial`, the columns with spans of less than all text.

    Columns: line, id, bytes; found: whether dolma's file has the document; for each attribute
    its spans, and in a column of its name the score of the first.
    """
    task = msgspec.convert(args, ImportTask)
    wanted = _Wanted(task)
    partial: set[str] = set()
    found = documents = joined = 0
    with atomic_write(Path(task.out)) as written:
        writer: pq.ParquetWriter | None = None
        for batch in _batches(task):
            lines = wanted.lines_of(batch)
            columns = _Columns(task, batch, lines)
            table = columns.table()
            writer = writer or pq.ParquetWriter(written, table.schema, compression="zstd")
            writer.write_table(table)
            documents += len(batch)
            found += sum(line is not None for line in lines)
            joined += columns.joined
            partial |= columns.partial
        assert writer is not None  # there is a batch at least
        writer.close()
    unknown = wanted.rest()
    if documents and not found:
        raise InputError(
            f"{task.file} has no document of shard {task.given.shard.key}: not its attributes"
        )
    counts = {"documents": documents, "missing": documents - found, "unknown": unknown}
    with here(task.out).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {**counts, "joined": joined, "partial": sorted(partial), "sha256": digest}


def _batches(task: ImportTask) -> Iterator[Batch]:
    reader = reader_of(task.given)
    yield from reader
    if not reader.documents:
        yield no_documents()


def _attribute_lines(file: str) -> Iterator[tuple[int, AttributeLine]]:
    """Raises InputError with the place where a line is none, or the file does not end well."""
    decode = msgspec.json.Decoder(AttributeLine).decode
    try:
        for line in read_lines(ByteStream(file), MOST_BYTES):
            if line.content is None:
                raise InputError(f"{file}:{line.number}: longer than {MOST_BYTES} bytes")
            try:
                yield line.number, decode(line.content)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(f"{file}:{line.number}: no line of attributes: {error}") from None
    except Damaged as damage:
        raise InputError(f"{file} is damaged: {damage}") from None


class _Wanted:
    """dolma's lines by id, in the order in which documents ask for them: mostly the same."""

    def __init__(self, task: ImportTask) -> None:
        self._lines = _attribute_lines(task.file)
        self._ahead: dict[str, tuple[int, AttributeLine]] = {}
        self._unknown = 0

    def lines_of(self, batch: Batch) -> list[tuple[int, AttributeLine] | None]:
        """Of each document its line and number, None where there is none."""
        return [self._line(name) for name in batch.documents.column("id").to_pylist()]

    def rest(self) -> int:
        """How many lines no document has asked for."""
        return self._unknown + len(self._ahead) + sum(1 for _ in self._lines)

    def _line(self, name: str) -> tuple[int, AttributeLine] | None:
        if name in self._ahead:
            return self._ahead.pop(name)
        for number, line in self._lines:
            if str(line.id) == name:
                return number, line
            if str(line.id) in self._ahead:
                self._unknown += 1  # the first of equal ids is the document, as everywhere
                continue
            self._ahead[str(line.id)] = number, line
            if len(self._ahead) > MOST_AHEAD:
                del self._ahead[next(iter(self._ahead))]
                self._unknown += 1
        return None


class _Flat(NamedTuple):
    """One attribute of all documents: row, start, end, score of each span, in code points."""

    rows: I64
    starts: I64
    ends: I64
    scores: Any


class _Columns:
    """The columns of a batch. joined: spans that were part of another one's text.

    partial: columns in which some document has spans other than one over all of its text.
    """

    def __init__(
        self, task: ImportTask, batch: Batch, lines: list[tuple[int, AttributeLine] | None]
    ) -> None:
        self.task = task
        self.batch = batch
        self.lines = lines
        self.points = CodePoints(batch.text, batch.offsets)
        self.partial: set[str] = set()
        self.joined = 0

    def table(self) -> pa.Table:
        documents = self.batch.documents
        there = np.array([line is not None for line in self.lines], np.bool_)
        columns: dict[str, pa.Array] = {
            "line": documents.column("line"),
            "id": documents.column("id"),
            "bytes": pa.array(np.diff(self.batch.offsets)),
            "found": pa.array(there),
        }
        for column, attribute in self.task.attributes.items():
            flat = self._flat(attribute)
            firsts = np.full(len(self.batch), np.nan)
            rows, first = np.unique(flat.rows, return_index=True)
            firsts[rows] = flat.scores[first]
            columns[column] = pa.array(firsts, mask=np.isnan(firsts))
            columns[f"{column}.spans"] = to_arrow(self._spans(flat))
            if self._is_partial(attribute, flat):
                self.partial.add(column)
        return pa.table(columns)

    def _flat(self, attribute: str) -> _Flat:
        rows: list[int] = []
        spans: list[Span] = []
        lengths = self.points.lengths
        for row, found in enumerate(self.lines):
            if found is None or not (given := found[1].attributes.get(attribute)):
                continue
            for start, end, _ in given:
                if not 0 <= start <= end <= lengths[row]:
                    raise InputError(
                        f"{self.task.file}:{found[0]}: {attribute} has a span {start} to {end} "
                        f"in a text of {lengths[row]} characters: attributes of another document"
                    )
            rows += [row] * len(given)
            spans += given
        starts, ends, scores = np.array(spans, np.float64).reshape(-1, 3).T
        return _Flat(
            np.array(rows, np.int64), starts.astype(np.int64), ends.astype(np.int64), scores
        )

    def _is_partial(self, attribute: str, flat: _Flat) -> bool:
        counts = np.bincount(flat.rows, minlength=len(self.batch))
        whole = (flat.starts == 0) & (flat.ends == self.points.lengths[flat.rows])
        return (
            not bool(whole.all())
            or bool((counts > 1).any())
            or any(
                line is not None and line[1].attributes.get(attribute) == [] for line in self.lines
            )
        )

    def _spans(self, flat: _Flat) -> Spans:
        """Sorted, in bytes; those that share text are joined, with the score of the first."""
        some = np.flatnonzero(flat.starts < flat.ends)
        order = some[np.lexsort((-flat.ends[some], flat.starts[some], flat.rows[some]))]
        rows, scores = flat.rows[order], flat.scores[order]
        starts = self.points.to_bytes(rows, flat.starts[order])
        ends = self.points.to_bytes(rows, flat.ends[order])
        kept: list[int] = []
        for k in range(len(rows)):
            if kept and rows[kept[-1]] == rows[k] and starts[k] < ends[kept[-1]]:
                ends[kept[-1]] = max(ends[kept[-1]], ends[k])
                self.joined += 1
            else:
                kept.append(k)
        offsets = np.zeros(len(self.batch) + 1, np.int64)
        np.cumsum(np.bincount(rows[kept], minlength=len(self.batch)), out=offsets[1:])
        return Spans(offsets, starts[kept], ends[kept], scores[kept])
