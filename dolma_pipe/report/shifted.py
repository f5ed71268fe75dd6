"""Spans of the text that taggers saw, in the text that has masks in their place."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from dolma_pipe.kernels.spans import SpansLike, merge_masks
from dolma_pipe.recipe import Mask

Stretches = list[tuple[int, int]]


class Shifted:
    """Of one document. grown: bytes by which its text is longer for the masks."""

    def __init__(self, masks: Sequence[tuple[SpansLike, int]]) -> None:
        """masks: the spans of each masked column, and how many bytes stand there instead."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._lengths: list[int] = []
        if masks:
            merged = merge_masks([spans for spans, _ in masks], 1)
            self._starts, self._ends = merged.starts.tolist(), merged.ends.tolist()
            self._lengths = [masks[kind][1] for kind in merged.kinds.tolist()]
        grown = [
            length - (end - start)
            for start, end, length in zip(self._starts, self._ends, self._lengths, strict=True)
        ]
        self._shifts: list[int] = [0, *accumulate(grown)]
        self.grown: int = self._shifts[-1]

    def of(self, start: int, end: int) -> tuple[int, int]:
        """A span; what a mask covers of it becomes the whole mask."""
        return self._at(start, last=False), self._at(end, last=True)

    def _at(self, at: int, *, last: bool) -> int:
        k = bisect_right(self._starts, at) - 1
        if k < 0 or at >= self._ends[k] or (last and at == self._starts[k]):
            passed = k + 1 if k >= 0 and at >= self._ends[k] else max(k, 0)
            return at + self._shifts[passed]
        start = self._starts[k] + self._shifts[k]
        return start + self._lengths[k] if last else start


def in_curated(
    spans: Mapping[str, SpansLike], masks: Sequence[Mask], grown: int
) -> dict[str, Stretches] | None:
    """Spans of one document, by column, in its text as masks have left it; None where that has not
    grown by what they write. masks: of its source; spans: those of their columns, too."""
    there = [mask for mask in masks if mask.column in spans]
    shifted = Shifted([(spans[mask.column], len(mask.replacement.encode())) for mask in there])
    if shifted.grown != grown:
        return None
    return {
        name: [
            shifted.of(*span)
            for span in zip(found.starts.tolist(), found.ends.tolist(), strict=True)
        ]
        for name, found in spans.items()
    }
