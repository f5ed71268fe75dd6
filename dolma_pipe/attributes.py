"""attributes/: a row an input document, with every column and the rule that dropped it. The file
says what its scores were made by, so that a later run knows which of them still hold."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.columns import Settled, from_arrow
from dolma_pipe.kernels.jit import I64, U64, Bool
from dolma_pipe.work import atomic_write

DESCRIPTION = b"dolma_pipe"
"""Key of the file's metadata that holds its Description as JSON."""

MOST_TAGGERS = 64
"""Taggers of a file: each has a bit in `scored`."""


class Unusable(Exception):
    """The attributes of an earlier run are of no use: damaged, or of another input."""


class ScoredBy(msgspec.Struct, frozen=True):
    """A tagger whose scores stand in the file. columns: names with the prefix."""

    prefix: str
    fingerprint: str
    columns: tuple[str, ...]


class Description(msgspec.Struct, frozen=True):
    """What a file of attributes was made from, and what cannot be counted from its rows.

    input: content hash of the shard. read_by: fingerprint of how its lines become documents.
    quarantine: xxh3-128 of the quarantine file. taggers: the k-th has bit k of `scored`.
    """

    input: str
    read_by: str
    lines: int
    quarantined: int
    repaired: int
    reasons: dict[str, int]
    passed_over: dict[str, int]
    quarantine: str
    taggers: tuple[ScoredBy, ...]


class ParquetRows:
    """Record batches into one Parquet file, a row group each; the first decides the schema."""

    def __init__(self, sink: pa.NativeFile) -> None:
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None

    def add(self, columns: Mapping[str, pa.Array]) -> None:
        """Append rows; every call must bring the same columns."""
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        if self._writer is None:
            # dictionaries of ids and scores take twice the time and more room
            self._writer = pq.ParquetWriter(
                self._sink,
                batch.schema,
                compression="zstd",
                use_dictionary=["dropped_by"],
                write_page_checksum=True,
            )
        self._writer.write_batch(batch)

    def describe(self, description: Description) -> None:
        """Put the description into the footer; rows were added before."""
        assert self._writer is not None
        encoded = msgspec.json.encode(description, order="sorted")
        self._writer.add_key_value_metadata({DESCRIPTION.decode(): encoded.decode()})

    def abandon(self) -> None:
        """Keep an unfinished writer from closing itself later, into a file that is gone."""
        if self._writer is not None:
            self._writer.is_open = False

    def close(self) -> None:
        """Write the footer."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._sink, pa.schema([]))
        self._writer.close()


@contextmanager
def write_parquet(path: Path) -> Iterator[ParquetRows]:
    """A Parquet file that appears when it is complete."""
    with atomic_write(path) as file:
        rows = ParquetRows(pa.PythonFile(file, mode="w"))
        try:
            yield rows
            rows.close()
        finally:
            rows.abandon()


def attribute_columns(
    base: Mapping[str, pa.Array],
    reasons: pa.Array,
    scored: Iterable[Bool],
    columns: Mapping[str, pa.Array],
) -> dict[str, pa.Array]:
    """A row group: line, id and bytes, dropped_by, scored, the taggers' columns by name.

    scored: of each tagger of the file, in order, which documents it has scored.
    """
    bits = np.zeros(len(reasons), np.uint64)
    for place, documents in enumerate(scored):
        bits |= documents.astype(np.uint64) << np.uint64(place)
    return {
        "line": base["line"],
        "id": base["id"].cast(pa.string()),
        "bytes": base["bytes"],
        "dropped_by": reasons,
        "scored": pa.array(bits),
        **{name: columns[name] for name in sorted(columns)},
    }


class Group(NamedTuple):
    """A row group: the documents of one batch."""

    rows: pa.Table

    def array(self, name: str) -> pa.Array:
        """A column as it stands there."""
        return self.rows.column(name).combine_chunks()

    @property
    def lines(self) -> I64:
        """int64[documents], ascending."""
        return np.asarray(self.array("line").to_numpy(zero_copy_only=False), np.int64)

    @property
    def bytes(self) -> I64:
        """int64[documents]: of the text."""
        return np.asarray(self.array("bytes").to_numpy(zero_copy_only=False), np.int64)

    @property
    def scored(self) -> U64:
        """uint64[documents]: bit k for the k-th tagger of the file."""
        return np.asarray(self.array("scored").to_numpy(zero_copy_only=False), np.uint64)

    def column(self, name: str) -> Settled:
        """A column of a tagger."""
        with _reading():
            return from_arrow(self.array(name))


class Stored:
    """A file of attributes, read a row group at a time. Raises Unusable for what is no such file,
    or is damaged."""

    def __init__(self, path: Path) -> None:
        with _reading():
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            told = (self._file.metadata.metadata or {}).get(DESCRIPTION, b"")
            self.description = msgspec.json.decode(told, type=Description)
        described = {name for by in self.description.taggers for name in by.columns}
        rows = self.description.lines - self.description.quarantined
        if (
            not {"line", "id", "bytes", "scored", *described} <= set(self._file.schema_arrow.names)
            or self._file.metadata.num_rows != rows
            or not self._file.num_row_groups
        ):
            raise Unusable(path)

    def groups(self) -> Iterator[Group]:
        """The row groups in order."""
        for number in range(self._file.num_row_groups):
            with _reading():
                group = Group(self._file.read_row_group(number, use_threads=False))
            yield group

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException, msgspec.DecodeError) as error:
        raise Unusable(error) from error
