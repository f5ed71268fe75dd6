"""attributes/ read again for people and other tools: some columns of all documents of a shard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.attributes import DESCRIPTION, Description
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import F64, Bool
from dolma_pipe.tagger import Kind, Spans

BASE = ("line", "id", "bytes", "dropped_by", "scored")
"""Columns that are not a tagger's."""


class AttributeFile:
    """attributes/<source>/<shard>.parquet: a row an input document, in the order of the input.

    columns: every tagger's column and its kind, sorted by name.
    """

    def __init__(self, path: Path) -> None:
        """Raises WorkError where the file is not there or none of ours."""
        self.path = path
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
            told = (self._file.metadata.metadata or {}).get(DESCRIPTION, b"")
            taggers = msgspec.json.decode(told, type=Description).taggers
        except FileNotFoundError:
            raise WorkError(f"{path} is not there") from None
        except (OSError, pa.ArrowException, msgspec.DecodeError) as error:
            told = str(error).splitlines()[0]
            raise WorkError(f"cannot read {path} ({told}): tag again") from None
        schema = self._file.schema_arrow
        self._bits = {name: k for k, tagger in enumerate(taggers) for name in tagger.columns}
        if missing := {*BASE, *self._bits} - set(schema.names):
            raise WorkError(f"{path} has no column {min(missing)}: tag again")
        self.columns: dict[str, Kind] = {
            name: _kind(schema.field(name).type) for name in sorted(self._bits)
        }

    def __len__(self) -> int:
        """Documents."""
        return int(self._file.metadata.num_rows)

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows, some thousand at a time: the base and these columns, or all."""
        wanted = [*BASE, *(self.columns if columns is None else columns)]
        yield from self._file.iter_batches(batch_size=1 << 14, columns=wanted)

    def scored(self, rows: pa.RecordBatch, column: str) -> Bool:
        """bool[rows]: whether the tagger of this column has seen the document.

        A document that it has seen may have no score all the same.
        """
        bits = rows.column("scored").to_numpy(zero_copy_only=False)
        seen: Bool = (bits >> np.uint64(self._bits[column])) & np.uint64(1) == 1
        return seen


def numbers_of(column: pa.Array) -> F64:
    """A column of numbers, NaN for none."""
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def spans_of(column: pa.Array) -> Spans:
    """A column of spans; a document that was not scored has none."""
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    flat = column.flatten()
    starts, ends, scores = (flat.field(k).to_numpy(zero_copy_only=False) for k in range(3))
    return Spans(offsets, starts, ends, scores)


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "spans"
    return "number" if pa.types.is_floating(kind) else "label"
