"""Columns of a batch: rows chosen from them, put back into place, and handed to Arrow."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dolma_pipe.kernels.jit import F64, I32, I64
from dolma_pipe.tagger import Column, Labels, Spans

DECIMALS = 6
"""Scores are rounded before a threshold sees them, so that every machine decides alike."""

Settled = F64 | Spans | Labels
"""A column as it is kept: numbers are float64 rounded to 1e-6, NaN where a document was not
scored."""


def settled(column: Column) -> Settled:
    """Numbers of any type become float64, rounded."""
    if isinstance(column, Spans | Labels):
        return column
    numbers: F64 = np.asarray(column, np.float64)
    return np.round(numbers, DECIMALS).astype(np.float64, copy=False)


def rows_of(column: Settled) -> int:
    """For how many documents a column speaks."""
    if isinstance(column, Spans):
        return len(column.offsets) - 1
    return len(column.codes if isinstance(column, Labels) else column)


def scatter(column: Settled, rows: I64, total: int) -> Settled:
    """Put the values of some rows into a column of `total` rows; the others have no value."""
    if len(rows) == total:
        return column
    if isinstance(column, Spans):
        counts = np.zeros(total, np.int64)
        counts[rows] = np.diff(column.offsets)
        return column._replace(offsets=_running(counts))
    if isinstance(column, Labels):
        codes: I32 = np.full(total, -1, np.int32)
        codes[rows] = column.codes
        return column._replace(codes=codes)
    numbers = np.full(total, np.nan)
    numbers[rows] = column
    return numbers


def gather(column: Settled, rows: I64) -> Settled:
    """The values of these rows."""
    if isinstance(column, Spans):
        counts = np.diff(column.offsets)[rows]
        offsets = _running(counts)
        begins = np.repeat(column.offsets[:-1][rows] - offsets[:-1], counts)
        chosen = begins + np.arange(offsets[-1])
        return Spans(offsets, column.starts[chosen], column.ends[chosen], column.scores[chosen])
    if isinstance(column, Labels):
        return column._replace(codes=column.codes[rows])
    return column[rows]


def to_arrow(column: Settled) -> pa.Array:
    """Numbers as doubles (null for none), spans as lists of structs, labels as strings."""
    if isinstance(column, Spans):
        fields = [pa.array(column.starts), pa.array(column.ends), pa.array(column.scores)]
        spans = pa.StructArray.from_arrays(fields, ["start", "end", "score"])
        return pa.ListArray.from_arrays(pa.array(column.offsets.astype(np.int32)), spans)
    if isinstance(column, Labels):
        names = pa.array([*column.names], pa.string())
        return names.take(pa.array(column.codes, mask=column.codes < 0))
    return pa.array(column, mask=np.isnan(column))


def numbers(columns: Mapping[str, Settled]) -> dict[str, F64]:
    """Only those columns that are one number a document."""
    return {n: c for n, c in columns.items() if not isinstance(c, Spans | Labels)}


class Bounds(NamedTuple):
    """A closed range; None is open."""

    minimum: float | None
    maximum: float | None


def outside(values: F64, bounds: Bounds) -> npt.NDArray[np.bool_]:
    """Which values lie outside the range; NaN, no score, is outside of every range."""
    out = np.isnan(values)
    if bounds.minimum is not None:
        out |= values < bounds.minimum
    if bounds.maximum is not None:
        out |= values > bounds.maximum
    return out


def _running(counts: I64) -> I64:
    """Offsets from counts: int64[n + 1]."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets
