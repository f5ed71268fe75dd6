"""Rows of gathered ids: which document of its row a token belongs to, and which are targets."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.tokens.packing_plan import Positions
from dolma_pipe.tokens.stream import Pieces, TokenStream, fill_behind

PADDING = -1
"""The segment of a place without a token."""

Segments = npt.NDArray[np.int32]
Loss = npt.NDArray[np.uint8]


class Side(NamedTuple):
    """Of an array, beside its ids. loss: uint8[tokens], 1 for targets; None: all are."""

    loss: Loss | None
    offsets: npt.NDArray[np.uint64]


class Masks(NamedTuple):
    """segments: int32[rows, capacity], the number of the document within its row, from 0, or
    PADDING. loss: uint8 of the same shape, 1 where a token is a target, 0 in padding."""

    segments: Segments
    loss: Loss


def segments_by_eos(
    rows: npt.NDArray[Any], used: Positions, eos_id: int, *, eos_first: bool = False
) -> Segments:
    """A document starts behind each end of text (with it, where that stands first): a piece of a
    document that has none must fill its row.

    used: int64[rows], tokens of each.
    """
    segments = np.zeros(rows.shape, np.int32)
    ends = rows[:, 1:] if eos_first else rows[:, :-1]
    np.cumsum(ends == eos_id, axis=1, out=segments[:, 1:])
    fill_behind(segments, used, PADDING)
    return segments


def masks_by_offsets(
    stream: TokenStream, side: Callable[[int], Side], pieces: Pieces, capacity: int
) -> Masks:
    """For arrays with loss masks, where an end of text may stand inside of a document: the start of
    a piece and the offsets say where one starts. side: of an array, by its number."""
    shape = len(pieces.counts), capacity
    starts, loss = np.zeros(shape, np.bool_), np.zeros(shape, np.uint8)
    flat_starts, flat_loss = starts.reshape(-1), loss.reshape(-1)
    flat_starts[stream.places(pieces, capacity)] = True
    for place, array, start, end in stream.placed(pieces, capacity):
        mask, offsets = side(array)
        flat_loss[place : place + end - start] = 1 if mask is None else mask[start:end]
        first, last = np.searchsorted(offsets, np.array([start, end], np.uint64))
        flat_starts[place + (offsets[first:last].astype(np.int64) - start)] = True
    starts[:, 0] = False
    segments = np.cumsum(starts, axis=1, dtype=np.int32)
    fill_behind(segments, pieces.used(), PADDING)
    return Masks(segments, loss)
