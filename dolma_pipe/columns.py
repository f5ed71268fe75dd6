"""Columns of a batch: rows chosen from them, put back into place, handed to Arrow and back."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dolma_pipe.kernels.jit import F64, I32, I64, Bool
from dolma_pipe.tagger import Column, Labels, Spans

DECIMALS = 6
"""Scores are rounded before a threshold sees them, so that every machine decides alike."""

SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())])
SPANS = pa.list_(pa.field("element", SPAN))
"""Spans in Arrow; "element" is their name in Parquet, so that what is read is what was written."""

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


def label_sums(labels: Labels, sizes: I64) -> dict[str | None, tuple[int, int]]:
    """Of each label, and of none (None), how many documents have it and the sum of their sizes."""
    n = len(labels.names) + 1
    documents = np.bincount(labels.codes + 1, minlength=n).tolist()
    sums = np.bincount(labels.codes + 1, sizes, n).astype(np.int64).tolist()
    told = zip((None, *labels.names), documents, sums, strict=True)
    return {name: (number, size) for name, number, size in told if number}


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


def overlaid(column: Settled, over: Settled, rows: I64) -> Settled:
    """The column with other values in some rows; the two are of one kind."""
    places = np.arange(rows_of(column))
    places[rows] = rows_of(column) + np.arange(len(rows))
    return gather(_joined(column, over), places)


def _joined(first: Settled, second: Settled) -> Settled:
    if isinstance(first, Spans) and isinstance(second, Spans):
        offsets = np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]])
        return Spans(
            offsets,
            np.concatenate([first.starts, second.starts]),
            np.concatenate([first.ends, second.ends]),
            np.concatenate([first.scores, second.scores]),
        )
    if isinstance(first, Labels) and isinstance(second, Labels):
        names = tuple(dict.fromkeys((*first.names, *second.names)))
        place = {name: code for code, name in enumerate(names)}
        # code -1 reads the last entry
        codes = [np.array([*map(place.get, x.names), -1])[x.codes] for x in (first, second)]
        return Labels(np.concatenate(codes).astype(np.int32), names)
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    return np.concatenate([first, second])


def to_arrow(column: Settled, scored: Bool | None = None) -> pa.Array:
    """Numbers as doubles (null for none), labels as strings, spans as SPANS (null for documents
    that were not scored).
    """
    if isinstance(column, Spans):
        fields = [
            pa.array(np.asarray(column.starts, np.int64)),
            pa.array(np.asarray(column.ends, np.int64)),
            pa.array(np.asarray(column.scores, np.float64)),
        ]
        spans = pa.StructArray.from_arrays(fields, fields=list(SPAN))
        offsets = pa.array(column.offsets.astype(np.int32))
        mask = None if scored is None or scored.all() else pa.array(~scored)
        return pa.ListArray.from_arrays(offsets, spans, type=SPANS, mask=mask)
    if isinstance(column, Labels):
        names = pa.array([*column.names], pa.string())
        return names.take(pa.array(column.codes, mask=column.codes < 0))
    return pa.array(column, mask=np.isnan(column))


def from_arrow(array: pa.Array) -> Settled:
    """What to_arrow was given. Raises ArrowInvalid for an array that is none of its own."""
    if pa.types.is_floating(array.type):
        return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    if pa.types.is_string(array.type):
        coded = array.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return Labels(codes.astype(np.int32, copy=False), tuple(coded.dictionary.to_pylist()))
    if not pa.types.is_list(array.type):
        raise pa.ArrowInvalid(f"a column of {array.type}")
    counts = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    spans = array.flatten()
    starts, ends, scores = (spans.field(name).to_numpy() for name in ("start", "end", "score"))
    return Spans(_running(counts), starts, ends, scores)


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
