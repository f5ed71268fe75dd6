"""Encoded shards read in place: ids and rows of any documents, in any order."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.stages.mapped import Mapped
from dolma_pipe.stages.mix.documents import Shard
from dolma_pipe.stages.mix.plan import PartPlan
from dolma_pipe.tokens import LOSS, Tokens
from dolma_pipe.work import Work, all_here, here

DOCUMENTS_AT_ONCE = 1 << 16
TOKENS_AT_ONCE = 1 << 23
_ENDINGS = (".offsets.u64", ".docs.arrow")


class Copies(NamedTuple):
    """Some copies of documents, [copies] each: int64 number of the shard, row in it, and where its
    ids start and end there."""

    shards: I64
    rows: I64
    starts: I64
    ends: I64


class _Shard:
    """An encoded shard, mapped."""

    def __init__(self, offsets: Path, documents: Path, src: str) -> None:
        self._files = Mapped(str(offsets)), Mapped(str(documents))
        self.offsets: npt.NDArray[np.uint64] = self._files[0].as_array(np.dtype("<u8"))
        self.documents = self._files[1].as_table()
        self.src = src

    def release(self) -> None:
        """Give the memory back that reading took."""
        for file in self._files:
            file.release()


class EncodedShards:
    """The encoded shards of a source, opened when they are asked for."""

    def __init__(self, work: Work, shards: Sequence[Shard], dtype: np.dtype[Any]) -> None:
        self._work = work
        self._shards = shards
        self._dtype = dtype
        self._open: dict[int, _Shard] = {}
        self._files: dict[tuple[int, str], Path] = {}

    def copies(self, order: Path, part: PartPlan) -> Iterator[Copies]:
        """What a file is made of, in its order, some million tokens at a time."""
        pairs = np.memmap(here(order), "<u4", "r").reshape(-1, 2)[part.start :][: part.documents]
        for first in range(0, len(pairs), DOCUMENTS_AT_ONCE):
            some = pairs[first : first + DOCUMENTS_AT_ONCE].astype(np.int64)
            copies = self._located(some[:, 0], some[:, 1])
            totals = np.cumsum(copies.ends - copies.starts)
            begin = 0
            while begin < len(some):
                before = totals[begin - 1] if begin else 0
                end = int(np.searchsorted(totals, before + TOKENS_AT_ONCE, "right"))
                end = max(end, begin + 1)
                yield Copies(*(column[begin:end] for column in copies))
                begin = end

    def ids(self, copies: Copies) -> tuple[Tokens, I64]:
        """Token ids of the copies, and how many each has, end of text included."""
        return self._gathered(copies, ".ids", self._dtype), copies.ends - copies.starts

    def loss(self, copies: Copies) -> U8:
        """Of the same tokens, the loss mask; the shards are of conversations."""
        return self._gathered(copies, LOSS, np.dtype(np.uint8))

    def _gathered(self, copies: Copies, ending: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        lengths = copies.ends - copies.starts
        values = np.empty(int(lengths.sum()), dtype)
        size = dtype.itemsize
        places = (np.cumsum(lengths) - lengths) * size
        view = values.data.cast("B")
        self._fetch(copies.shards, ending)
        for number, chosen in _by_shard(copies.shards):
            starts, sizes = copies.starts[chosen] * size, lengths[chosen] * size
            _read(self._files[number, ending], view, places[chosen], starts, sizes)
        return values

    def rows(self, copies: Copies, start: int) -> bytes:
        """Rows of the csv: start, end, id, src, loc; the first copy starts at token `start`."""
        ends = start + np.cumsum(copies.ends - copies.starts)
        names, lines, order = [], [], []
        for number, chosen in _by_shard(copies.shards):
            documents = self._shard(number).documents.take(pa.array(copies.rows[chosen]))
            names += documents.column("id").chunks
            lines += documents.column("line").chunks
            order.append(chosen)
        back = pa.array(np.argsort(np.concatenate(order), kind="stable"))
        src = pa.array([shard.src for shard in self._shards], pa.string())
        table = pa.table(
            {
                "start": np.concatenate([[start], ends[:-1]]),
                "end": ends,
                "id": pa.chunked_array(names, pa.large_string()).take(back),
                "src": src.take(pa.array(copies.shards)),
                "loc": pa.chunked_array(lines, pa.int64()).take(back),
            }
        )
        sink = pa.BufferOutputStream()
        # strings are quoted: a lone carriage return in an id ends no row
        pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False))
        return bytes(sink.getvalue())

    def _located(self, shards: I64, rows: I64) -> Copies:
        starts, ends = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        self._fetch(shards, *_ENDINGS)
        for number, chosen in _by_shard(shards):
            offsets = self._shard(number).offsets
            starts[chosen], ends[chosen] = offsets[rows[chosen]], offsets[rows[chosen] + 1]
        return Copies(shards, rows, starts, ends)

    def _shard(self, number: int) -> _Shard:
        if number not in self._open:
            offsets, documents = (self._files[number, ending] for ending in _ENDINGS)
            self._open[number] = _Shard(offsets, documents, self._shards[number].src)
        return self._open[number]

    def _fetch(self, shards: I64, *endings: str) -> None:
        """Have files of these shards on this machine, until the task ends."""
        wanted = [(number, ending) for number in np.unique(shards).tolist() for ending in endings]
        new = [file for file in wanted if file not in self._files]
        paths = [Path(f"{self._work.encoded(self._shards[n].key)}{ending}") for n, ending in new]
        self._files |= zip(new, all_here(paths, keep=True), strict=True)

    def release(self) -> None:
        """Give the memory back that reading took; nothing that was read holds on to it."""
        for shard in self._open.values():
            shard.release()


def _read(path: Path, view: memoryview, places: I64, starts: I64, sizes: I64) -> None:
    """Read stretches of a file to their places in view, all in bytes.

    Not mapped: systems map up to megabytes around each document, and all of it counts as memory.
    """
    with path.open("rb", buffering=0) as file:
        rows = zip(places.tolist(), starts.tolist(), sizes.tolist(), strict=True)
        for place, start, size in rows:
            done = 0
            while done < size:  # a call reads 2 GB at most
                into = view[place + done : place + size]
                read = os.preadv(file.fileno(), [into], start + done)
                if not read:
                    raise WorkError(f"{path} ends early: run again with --force")
                done += read


def _by_shard(shards: I64) -> Iterator[tuple[int, I64]]:
    """Each shard that occurs, and the places where it does."""
    order = np.argsort(shards, kind="stable")
    ends = np.flatnonzero(np.diff(shards[order], append=-1)) + 1
    begin = 0
    for end in ends.tolist():
        yield int(shards[order[begin]]), order[begin:end]
        begin = end
