"""attributes/: a row an input document, with every column and the rule that dropped it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.columns import Settled, to_arrow
from dolma_pipe.work import atomic_write


class ParquetRows:
    """Record batches into one Parquet file; the first decides the schema."""

    def __init__(self, sink: pa.NativeFile) -> None:
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None

    def add(self, columns: Mapping[str, pa.Array]) -> None:
        """Append rows; every call must bring the same columns."""
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        if self._writer is None:
            # dictionaries of ids and scores take twice the time and more room
            self._writer = pq.ParquetWriter(
                self._sink, batch.schema, compression="zstd", use_dictionary=["dropped_by"]
            )
        self._writer.write_batch(batch)

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
    base: Mapping[str, pa.Array], columns: Mapping[str, Settled], reasons: pa.Array
) -> dict[str, pa.Array]:
    """The columns of a batch of attributes: the base, dropped_by, the taggers' by name."""
    taggers = {name: to_arrow(columns[name]) for name in sorted(columns)}
    return {**base, "dropped_by": reasons, **taggers}
