"""attributes/ read again, a row group at a time: by a later run, by people and for other tools."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.attributes import DESCRIPTION, Description
from dolma_pipe.columns import Bounds, Settled, from_arrow
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import F64, I64, Bool
from dolma_pipe.tagger import Kind, Spans
from dolma_pipe.work import address, held

BASE = ("line", "id", "bytes", "dropped_by", "scored")
"""Columns that are not a tagger's."""
NO_BOUNDS: Mapping[str, Bounds] = MappingProxyType({})


class Unusable(WorkError):
    """Attributes that tell nothing: not there, damaged, or of another input."""


@dataclass(frozen=True)
class Group:
    """Rows of a file, in the order of the input. As the file has them, the documents of one batch.

    places: which tagger of the file has made a column.
    """

    path: Path
    rows: pa.Table
    places: Mapping[str, int]

    def __len__(self) -> int:
        """Documents."""
        return int(self.rows.num_rows)

    def array(self, name: str) -> pa.Array:
        """A column as it stands there."""
        return self.rows.column(name).combine_chunks()

    @property
    def lines(self) -> I64:
        """int64[documents], ascending."""
        return np.asarray(self.array("line").to_numpy(zero_copy_only=False), np.int64)

    @property
    def sizes(self) -> I64:
        """int64[documents]: bytes of the text."""
        return np.asarray(self.array("bytes").to_numpy(zero_copy_only=False), np.int64)

    def column(self, name: str) -> Settled:
        """A column of a tagger. Raises Unusable."""
        with _reading(self.path):
            return from_arrow(self.array(name))

    def numbers(self, name: str) -> F64:
        """A column that is numbers, NaN for none."""
        column = self.column(name)
        assert isinstance(column, np.ndarray)
        return column

    def spans(self, name: str) -> Spans:
        """A column that is spans; a document that was not scored has none."""
        column = self.column(name)
        assert isinstance(column, Spans)
        return column

    def scored_by(self, place: int) -> Bool:
        """bool[documents]: whether the tagger in this place of the file has seen them.

        A document that it has seen may have no score all the same.
        """
        bits = np.asarray(self.array("scored").to_numpy(zero_copy_only=False), np.uint64)
        return np.asarray((bits >> np.uint64(place)) & np.uint64(1), np.bool_)

    def scored(self, column: str) -> Bool:
        """bool[documents]: whether the tagger of this column has seen them."""
        return self.scored_by(self.places[column])

    def row(self, row: int) -> "Group":
        """One document alone."""
        return Group(self.path, self.rows.slice(row, 1), self.places)


class AttributeFile:
    """`attributes/<source>/<shard>.parquet`: a row an input document, in the order of the input.

    columns: every tagger's column and its kind, sorted by name. row_groups: documents of each. The
    file is open only while it is read, so that any number of them can be held.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unusable where the file is not there, none of ours, or damaged."""
        self.path = path
        with self._open() as file:
            self._told = self._told_by(file)
            self.description = msgspec.json.decode(self._told, type=Description)
            self._rows, schema = file.metadata.num_rows, file.schema_arrow
            self.row_groups = tuple(
                file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)
            )
        taggers = self.description.taggers
        self._places = {name: k for k, tagger in enumerate(taggers) for name in tagger.columns}
        if missing := {*BASE, *self._places} - set(schema.names):
            raise Unusable(f"{address(path)} has no column {min(missing)}: tag again")
        if (
            self._rows != self.description.lines - self.description.quarantined
            or not self.row_groups
        ):
            raise Unusable(f"{address(path)} has not the rows that it tells of: tag again")
        self.columns: dict[str, Kind] = {
            name: _kind(schema.field(name).type) for name in sorted(self._places)
        }

    def __len__(self) -> int:
        """Documents."""
        return int(self._rows)

    def groups(
        self,
        columns: Sequence[str] | None = None,
        numbers: Sequence[int] | None = None,
        within: Mapping[str, Bounds] = NO_BOUNDS,
    ) -> Iterator[Group]:
        """Row groups in order, those of these numbers or all: the base and these columns, or all.

        within: groups are left out that by the file's statistics have no value of a column in its
        range. Raises Unusable, also where a run has written the file anew since it was looked at.
        """
        wanted = [*BASE, *(self.columns if columns is None else dict.fromkeys(columns))]
        with self._open() as file:
            if self._told_by(file) != self._told or file.metadata.num_rows != self._rows:
                raise Unusable(f"{address(self.path)} was written anew just now: ask again")
            for number in range(file.num_row_groups) if numbers is None else numbers:
                if _surely_outside(file.metadata.row_group(number), within):
                    continue
                rows = file.read_row_group(number, columns=wanted, use_threads=False)
                yield Group(self.path, rows, self._places)

    def row(self, line: int, columns: Sequence[str] | None = None) -> Group | None:
        """The document of a line with these columns, or all; None where it has none. Raises
        Unusable."""
        for group in self.groups(columns, within={"line": Bounds(line, line)}):
            at = int(group.lines.searchsorted(line))
            if at < len(group) and group.lines[at] == line:
                return group.row(at)
        return None

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        with ExitStack() as stack:
            with _reading(self.path):
                path = stack.enter_context(held(self.path))
                file = pq.ParquetFile(path, page_checksum_verification=True)
            with file, _reading(self.path):
                yield file

    @staticmethod
    def _told_by(file: pq.ParquetFile) -> bytes:
        return bytes((file.metadata.metadata or {}).get(DESCRIPTION, b""))


def _surely_outside(group: pq.RowGroupMetaData, within: Mapping[str, Bounds]) -> bool:
    """Whether statistics show that a column has no value in its range."""
    for number in range(group.num_columns if within else 0):
        chunk = group.column(number)
        bounds = within.get(chunk.path_in_schema)
        told = chunk.statistics if bounds is not None else None
        if bounds is None or told is None or not told.has_min_max:
            continue
        if bounds.minimum is not None and told.max < bounds.minimum:
            return True
        if bounds.maximum is not None and told.min > bounds.maximum:
            return True
    return False


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Unusable(f"{address(path)} is not there") from error
    except (OSError, ValueError, pa.ArrowException, msgspec.DecodeError) as error:
        told = next(iter(str(error).splitlines()), "damaged")
        raise Unusable(f"cannot read {address(path)} ({told}): tag again") from error


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "spans"
    return "number" if pa.types.is_floating(kind) else "label"
