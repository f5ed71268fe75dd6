"""Masks applied: spans of text replaced, all columns of a document at once."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, Bool, kernel


class SpansLike(Protocol):
    """offsets: int64[documents + 1]; starts, ends: int64[spans], from the document's start."""

    @property
    def offsets(self) -> I64: ...
    @property
    def starts(self) -> I64: ...
    @property
    def ends(self) -> I64: ...


class Masks(NamedTuple):
    """Stretches that do not overlap, sorted by document and start, in bytes of the document.

    offsets: int64[documents + 1]; starts, ends: int64[masks].
    kinds: int64[masks], the number of the column whose replacement is written there.
    """

    offsets: I64
    starts: I64
    ends: I64
    kinds: I64


def masked(
    text: U8, offsets: I64, masks: Sequence[tuple[SpansLike, bytes]]
) -> tuple[U8, I64, Bool]:
    """The text with every span replaced, its offsets (from 0), and which documents changed.

    masks: columns of spans with their replacements (UTF-8), in the order of the recipe. A document
    changed if it had a span, even where the replacement is what stood there.
    """
    merged = merge_masks([spans for spans, _ in masks], len(offsets) - 1)
    new_text, new_offsets = apply_masks(text, offsets, merged, [new for _, new in masks])
    return new_text, new_offsets, np.diff(merged.offsets) > 0


def merge_masks(columns: Sequence[SpansLike], documents: int) -> Masks:
    """The union of all spans: spans that overlap become one mask, spans that touch do not.

    Of those in one mask the earliest, then the longest, then that of the first column gives its
    kind. Empty spans are nothing.
    """
    rows = [np.repeat(np.arange(documents), np.diff(spans.offsets)) for spans in columns]
    kinds = np.repeat(np.arange(len(columns)), [len(spans.starts) for spans in columns])
    row = np.concatenate([np.empty(0, np.int64), *rows])
    start = np.concatenate([np.empty(0, np.int64), *(spans.starts for spans in columns)])
    end = np.concatenate([np.empty(0, np.int64), *(spans.ends for spans in columns)])
    order = np.lexsort((kinds, -end, start, row))
    order = order[start[order] < end[order]]
    row, start, end, kinds = row[order], start[order], end[order], kinds[order]
    offsets = np.zeros(documents + 1, np.int64)
    n = _merge(row, start, end, kinds, offsets)
    return Masks(offsets, start[:n], end[:n], kinds[:n])


def apply_masks(
    text: U8, offsets: I64, masks: Masks, replacements: Sequence[bytes]
) -> tuple[U8, I64]:
    """The text with every mask replaced by replacements[kind], and its offsets (from 0)."""
    lengths = np.array([len(new) for new in replacements], np.int64)
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(masks.offsets))
    grown = np.zeros(len(offsets) - 1, np.int64)
    if len(row):
        np.add.at(grown, row, lengths[masks.kinds] - (masks.ends - masks.starts))
    new_offsets = np.zeros(len(offsets), np.int64)
    np.cumsum(np.diff(offsets) + grown, out=new_offsets[1:])
    new_text = np.empty(int(new_offsets[-1]), np.uint8)
    news = np.frombuffer(b"".join(replacements), np.uint8)
    news_at = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    _apply(text, offsets, *masks, news, news_at, new_text)
    new_text.flags.writeable = False  # as every other text: kernels are compiled once
    return new_text, new_offsets


@kernel
def _merge(rows: I64, starts: I64, ends: I64, kinds: I64, offsets: I64) -> int:
    """Merge spans sorted by row, start, longest first, in place; returns how many remain."""
    n = 0
    row = -1
    for k in range(len(rows)):
        if rows[k] == row and starts[k] < ends[n - 1]:
            ends[n - 1] = max(ends[n - 1], ends[k])
            continue
        row = rows[k]
        starts[n], ends[n], kinds[n] = starts[k], ends[k], kinds[k]
        n += 1
        offsets[row + 1] += 1
    for d in range(len(offsets) - 1):
        offsets[d + 1] += offsets[d]
    return n


@kernel
def _apply(
    text: U8,
    offsets: I64,
    firsts: I64,
    starts: I64,
    ends: I64,
    kinds: I64,
    news: U8,
    news_at: I64,
    new_text: U8,
) -> None:
    at = 0
    for d in range(len(offsets) - 1):
        here = int(offsets[d])
        for k in range(firsts[d], firsts[d + 1]):
            start = int(offsets[d] + starts[k])
            at = _copy(text, here, start, new_text, at)
            at = _copy(news, int(news_at[kinds[k]]), int(news_at[kinds[k] + 1]), new_text, at)
            here = int(offsets[d] + ends[k])
        at = _copy(text, here, int(offsets[d + 1]), new_text, at)


@kernel
def _copy(old: U8, start: int, end: int, new: U8, at: int) -> int:
    """Copy a stretch to `at`, and return where it ends there."""
    for i in range(end - start):
        new[at + i] = old[start + i]
    return at + end - start
