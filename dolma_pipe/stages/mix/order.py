"""The order of a source in the token arrays: all its copies by keyed hash, cut into files.

mix/<source>.order.u32 holds uint32[copies, 2]: index of the encoded shard, and row in it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO, NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U16, U32, U64
from dolma_pipe.kernels.order import copies_between
from dolma_pipe.stages.keyed import key_of

SORTED_COPIES = 1 << 22
"""Sorted at once: 24 bytes each."""


class Part(NamedTuple):
    """An output file: the copies from `start` on in the order of the source."""

    start: int
    documents: int
    tokens: int


class PartCutter:
    """Cuts a stream of documents into files of max_tokens at most; a longer one has its own."""

    def __init__(self, max_tokens: int, start: int) -> None:
        self.parts: list[Part] = []
        self._most = max_tokens
        self._start = start
        self._documents = 0
        self._tokens = 0

    def add(self, sizes: I64) -> None:
        """Tokens of the next documents."""
        totals = np.concatenate([[0], np.cumsum(sizes)])
        place = 0
        while place < len(sizes):
            room = totals[place] + self._most - self._tokens
            end = int(np.searchsorted(totals, room, "right")) - 1
            if end == place and not self._documents:
                end += 1  # longer than a file
            self._documents += end - place
            self._tokens += int(totals[end] - totals[place])
            place = end
            if place < len(sizes):
                self.close()

    def close(self) -> None:
        """End the file, if it has any document."""
        if self._documents:
            self.parts.append(Part(self._start, self._documents, self._tokens))
            self._start += self._documents
            self._documents = self._tokens = 0


def ordered(hashes: U64, copies: U16, seed: int, source: str) -> Iterator[I64]:
    """Documents in the order of all copies, a slice of the hashes at a time.

    hashes, copies: [documents]. Copies of one document lie apart; equal hashes (equal ids in
    different shards) are in the order of documents.
    """
    total = int(copies.sum(dtype=np.int64))
    keys = [key_of(seed, "order", source, copy) for copy in range(int(copies.max(initial=0)))]
    slices = max(1, math.ceil(total / SORTED_COPIES))
    edges = [(i << 64) // slices for i in range(slices + 1)]
    size = min(total, SORTED_COPIES + SORTED_COPIES // 4)
    for low, high in pairwise(edges):
        first, last = np.uint64(low), np.uint64(high - 1)
        places, documents = np.empty(size, np.uint64), np.empty(size, np.int64)
        while True:
            given = (hashes, copies, np.array(keys, np.uint64), first, last, places, documents)
            count = copies_between(*given)
            if count <= len(places):
                break
            places, documents = np.empty(count, np.uint64), np.empty(count, np.int64)
        yield documents[:count][np.argsort(places[:count], kind="stable")]


def write_order(
    file: IO[bytes] | None,
    tokens: U32,
    hashes: U64,
    copies: U16,
    sizes: Sequence[int],
    *,
    seed: int,
    source: str,
    max_tokens: int,
    start: int = 0,
) -> list[Part]:
    """Append the order of all copies to the file (None: only count); returns the output files.

    tokens, hashes, copies: [documents]; sizes: documents of each shard; start: copies in the file
    already.
    """
    ends = np.cumsum(np.asarray(sizes, np.int64))
    begins = ends - np.asarray(sizes, np.int64)
    cutter = PartCutter(max_tokens, start)
    for documents in ordered(hashes, copies, seed, source):
        cutter.add(tokens[documents].astype(np.int64))
        if file is not None:
            shards = np.searchsorted(ends, documents, "right")
            pairs = np.stack([shards, documents - begins[shards]], axis=1)
            file.write(pairs.astype("<u4").tobytes())
    cutter.close()
    return cutter.parts
