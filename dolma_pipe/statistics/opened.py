"""A shard opened for counting: as it is stored, or a curated one of a run without what the run's
deduplication took out."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.conversations import around_marks
from dolma_pipe.cuts import no_cuts, read_cuts
from dolma_pipe.errors import WorkError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.kernels.jit import I64
from dolma_pipe.shard import MAX_DOCUMENT_BYTES, Quarantined, ShardReader
from dolma_pipe.work import held


class OfRun(msgspec.Struct, frozen=True):
    """What deduplication did to a curated shard: the files of what it removed, None where it was
    not run or does not count, and cut, see work.Work. size: bytes of the texts before it. messages:
    they are conversations."""

    removed: str | None = None
    cuts: str | None = None
    size: int = 0
    messages: bool = False


class CorpusShard(msgspec.Struct, frozen=True):
    """A shard of a corpus, as tasks are told of it. of_run: where a run curated it."""

    corpus: str
    key: str
    uri: str
    reading: Reading
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    of_run: OfRun | None = None

    def opened(self, quarantine: Callable[[Quarantined], None]) -> ShardReader:
        """Its reader; for that nothing is too long that a run has kept. Raises InputError."""
        how: dict[str, Any] = {
            "source": self.corpus,
            "shard": self.key,
            "reading": self.reading,
            "max_document_bytes": sys.maxsize if self.of_run else self.max_document_bytes,
            "quarantine": quarantine,
        }
        if self.of_run and self.of_run.removed:
            return _Left(self.of_run, self.uri, how)
        return ShardReader(self.uri, **how)


class _Left(ShardReader):
    """Batches of what deduplication left. Raises WorkError where the files are not of one run."""

    def __init__(self, of_run: OfRun, uri: str, how: dict[str, Any]) -> None:
        super().__init__(uri, **how)
        self._uri, self._messages = uri, of_run.messages
        self._size = of_run.size
        try:
            with held(str(of_run.removed)) as file:
                self._removed = np.fromfile(file, np.uint8)
            documents = len(self._removed)
            self._cuts = read_cuts(of_run.cuts, documents) if of_run.cuts else no_cuts(documents)
        except FileNotFoundError:
            raise self._mixed() from None
        if self._cuts.offsets[-1:].tolist() != [len(self._cuts.starts)]:
            raise self._mixed()

    def __iter__(self) -> Iterator[Batch]:
        size = 0
        for batch in super().__iter__():
            size += int(batch.offsets[-1] - batch.offsets[0])
            if len(left := self._left(batch)):
                yield left
        if (self.documents, size) != (len(self._removed), self._size):
            raise self._mixed()

    def take(self, lines: I64) -> Batch:
        return self._left(super().take(lines))

    def _left(self, batch: Batch) -> Batch:
        rows = np.asarray(batch.documents.column("line")) - 1
        if len(rows) and rows[-1] >= len(self._removed):
            raise self._mixed()
        kept = np.flatnonzero(self._removed[rows] == 0)
        left, cuts = batch.select(kept), self._cuts.of(rows[kept])
        if not len(cuts.starts):
            return left
        if (cuts.ends > np.repeat(np.diff(left.offsets), np.diff(cuts.offsets))).any():
            raise self._mixed()
        if self._messages:
            cuts = around_marks(cuts, left.text, left.offsets)
        return left.with_text(*cuts.apply(left.text, left.offsets))

    def _mixed(self) -> WorkError:
        return WorkError(f"{self._uri} is damaged or being made anew: count when its run has ended")


def counted_before(bad: Quarantined) -> None:
    """For who reads a shard once more: its bad lines are counted once."""
