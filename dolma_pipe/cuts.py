"""Cuts: stretches that deduplication takes out of texts; the curated shard stays as it is."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.cuts import compose, merge
from dolma_pipe.kernels.jit import I64, U8, Bool
from dolma_pipe.kernels.spans import masked
from dolma_pipe.work import atomic_write, held


class Cuts(NamedTuple):
    """Of the documents of one shard: sorted, apart from each other, at code-point borders.

    offsets: int64[documents + 1]; starts, ends: int64[cuts], bytes from the document's start.
    Document d has cuts offsets[d] to offsets[d + 1].
    """

    offsets: I64
    starts: I64
    ends: I64

    def of(self, rows: I64) -> "Cuts":
        """Those of some documents, in their order."""
        counts = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        chosen = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Cuts(offsets, self.starts[chosen], self.ends[chosen])

    def lengths(self) -> I64:
        """int64[documents]: bytes that are cut out of each."""
        sums = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        lengths: I64 = sums[self.offsets[1:]] - sums[self.offsets[:-1]]
        return lengths

    def apply(self, text: U8, offsets: I64) -> tuple[U8, I64]:
        """What is left of the texts of all documents, with their offsets (from 0)."""
        if not len(self.starts):
            return text, offsets
        left, new_offsets, _ = masked(text, offsets, [(self, b"")])
        return left, new_offsets

    def then(self, later: "Cuts") -> "Cuts":
        """Both, where `later` was found in what these cuts leave."""
        if not len(later.starts):
            return self
        if not len(self.starts):
            return later
        return Cuts(*compose(*self, *later))


def no_cuts(documents: int) -> Cuts:
    """Nothing is cut."""
    none = np.empty(0, np.int64)
    return Cuts(np.zeros(documents + 1, np.int64), none, none)


def cuts_of(rows: I64, starts: I64, ends: I64, documents: int) -> Cuts:
    """From stretches in any order, which may overlap or touch; rows: the document of each."""
    order = np.lexsort((starts, rows))
    return Cuts(*merge(rows[order], starts[order], ends[order], documents))


def without(cuts: Cuts, documents: Bool) -> Cuts:
    """No cuts in these documents."""
    keep = ~np.repeat(documents, np.diff(cuts.offsets))
    counts = np.where(documents, 0, np.diff(cuts.offsets))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Cuts(offsets, cuts.starts[keep], cuts.ends[keep])


def write_cuts(path: Path, cuts: Cuts, *, durable: bool = True) -> None:
    """offsets, starts, ends as little-endian int64, one after the other."""
    with atomic_write(path, durable=durable) as file:
        for part in cuts:
            file.write(np.ascontiguousarray(part, "<i8").data)


def read_cuts(path: Path | str, documents: int) -> Cuts:
    """What write_cuts was given for a shard of so many documents."""
    with held(path) as file:
        words: I64 = np.fromfile(file, "<i8").astype(np.int64, copy=False)
    offsets, spans = words[: documents + 1], words[documents + 1 :]
    return Cuts(offsets, spans[: len(spans) // 2], spans[len(spans) // 2 :])
