"""Instances by number: ids, labels and segments as arrays."""

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError, TrainError
from dolma_pipe.tokens import ChatTemplate, Pieces
from dolma_pipe.tokens.rows import Row
from dolma_pipe.tokens.segments import (
    PADDING,
    Segments,
    Side,
    masks_by_offsets,
    segments_by_eos,
)
from dolma_pipe.tokens.stream import fill_behind
from dolma_pipe.train.data.corpus import Corpus, Part
from dolma_pipe.train.data.order import Numbers
from dolma_pipe.train.data.views import View

IGNORED = -100
"""A label that is no target: torch's ignore_index."""
TOLD = 1000
"""Documents of an error message."""

I64 = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """ids, labels: int64[instances, length]; labels[i, t] is the id behind ids[i, t], or IGNORED.

    segments: int32 of the same shape, the number of the document within its instance, -1 where
    there is no token; None where documents are not masked.
    """

    ids: I64
    labels: I64
    segments: Segments | None


class Instances:
    """What a training reads in an epoch; len() is the number of instances.

    length: targets of an instance. sources: tokens that an epoch reads of each. notes: lines to
    tell before the first step. sha256: of what instance i is, for every i: of all arrays, the view
    and the length; neither of their place nor of the order.
    """

    def __init__(
        self,
        corpus: Corpus,
        view: View,
        *,
        length: int,
        mask_documents: bool,
        sources: dict[str, int],
        identity: object,
        notes: list[str],
    ) -> None:
        """identity: what the view is made of, as JSON."""
        self.length = length
        self.vocab_size, self.eos_id, self.pad_id = corpus.vocab_size, corpus.eos_id, corpus.pad_id
        self.tokenizer = corpus.tokenizer
        self.name = corpus.name
        self.sources = sources
        self.notes = notes
        self.masks_documents = mask_documents
        self._corpus, self._view, self._stream = corpus, view, corpus.stream()
        told = [identity, length, [part.digest() for part in corpus.parts]]
        self.sha256 = hashlib.sha256(msgspec.json.encode(told)).hexdigest()

    def __len__(self) -> int:
        return len(self._view)

    @property
    def chat(self) -> ChatTemplate | None:
        """How conversations were put into text, where there are some."""
        found = [arrays.manifest.chat for arrays in self._corpus.arrays if arrays.manifest.chat]
        return found[0] if found else None

    @property
    def tokenizer_file(self) -> Path | None:
        """The tokenizer.json that made the ids, where the arrays carry it. Raises TokensError."""
        arrays = self._corpus.arrays
        return arrays[0].tokenizer_file() if arrays else None

    def batch(self, numbers: npt.ArrayLike) -> Batch:
        """Instances by number. Raises IndexError for one that is not there."""
        pieces = self._pieces(numbers)
        rows = np.empty((len(pieces.counts), self.length + 1), np.int64)
        self._stream.gather(pieces, rows, self.pad_id)
        used = pieces.used()
        labels = rows[:, 1:].copy()
        fill_behind(labels, used - 1, IGNORED)
        segments = self._segments(pieces, rows, labels)
        ids = np.ascontiguousarray(rows[:, :-1])
        if segments is None:
            return Batch(ids, labels, None)
        labels[segments[:, 1:] != segments[:, :-1]] = IGNORED
        return Batch(ids, labels, np.ascontiguousarray(segments[:, :-1]))

    def _segments(self, pieces: Pieces, rows: I64, labels: I64) -> Segments | None:
        """int32[instances, length + 1] where documents are masked; loss masks go into labels."""
        segments = None
        if self._corpus.masked:
            segments, loss = masks_by_offsets(self._stream, self._side, pieces, rows.shape[1])
            labels[loss[:, 1:] == 0] = IGNORED
        elif self.masks_documents:
            eos_first = self._corpus.eos_first
            segments = segments_by_eos(rows, pieces.used(), self.eos_id, eos_first=eos_first)
        return segments if self.masks_documents else None

    def _side(self, part: int) -> Side:
        side = self._corpus.parts[part].side
        assert side is not None  # all have one, or none
        return side

    def missing(self, count: int) -> Batch:
        """Instances without a token, which fill up a micro-batch."""
        shape = (count, self.length)
        segments = np.full(shape, PADDING, np.int32) if self.masks_documents else None
        return Batch(np.full(shape, self.pad_id), np.full(shape, IGNORED), segments)

    def told(self, numbers: npt.ArrayLike) -> list[str]:
        """The documents in these instances, id (input:line) each, or where their tokens lie.

        Reads the rows of their arrays from the start on: seconds, for an error message.
        """
        pieces = self._pieces(numbers)
        wanted: dict[int, list[tuple[int, int]]] = {}
        for _, part, start, end in self._stream.stretches(pieces.starts, pieces.tokens):
            wanted.setdefault(part, []).append((start, end))
        return [
            line
            for number in sorted(wanted)
            for line in _documents(self._corpus.parts[number], sorted(wanted[number]))
        ]

    def _pieces(self, numbers: npt.ArrayLike) -> Pieces:
        wanted: Numbers = np.asarray(numbers, np.int64).reshape(-1)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"instances {wanted.min()} to {wanted.max()} of {len(self)}")
        return self._view.pieces(wanted)


def fit_model(instances: Instances, rows: int) -> None:
    """Raises TrainError where ids may occur that a model of so many embedding rows has not."""
    if instances.vocab_size > rows:
        raise TrainError(
            f"{instances.name}: a vocabulary of {instances.vocab_size:,}, the model has {rows:,} "
            f"rows: model.vocab_size: {instances.vocab_size}"
        )


def _documents(part: Part, stretches: list[tuple[int, int]]) -> list[str]:
    """Documents of an array that have tokens in one of the stretches, sorted by their start."""
    try:
        rows = part.rows() if part.rows is not None else None
        if rows is None:
            return [f"{part.name}: tokens {start:,} to {end:,}" for start, end in stretches]
        return list(islice(_rows_in(rows, stretches), TOLD))
    except TokensError as error:  # which must not hide what is to be told
        return [str(error)]


def _rows_in(rows: Iterator[Row], stretches: list[tuple[int, int]]) -> Iterator[str]:
    left = deque(stretches)
    for row in rows:
        while left and left[0][1] <= row.start:
            left.popleft()
        if not left:
            return
        if left[0][0] < row.end:
            yield f"{row.id} ({row.src}:{row.loc})"
