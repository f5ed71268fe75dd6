"""attributes/: a row an input document, with every column and the rule that dropped it. The file
says what its scores were made by, so that a later run knows which of them still hold."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.kernels.jit import Bool
from dolma_pipe.work import atomic_write

DESCRIPTION = b"dolma_pipe"
"""Key of the file's metadata that holds its Description as JSON."""

MOST_TAGGERS = 64
"""Taggers of a file: each has a bit in `scored`."""


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
