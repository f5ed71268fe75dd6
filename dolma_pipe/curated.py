"""Reading curated shards again: lines of our own writing, of which only those asked for are
parsed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.batch import text_in
from dolma_pipe.conversations import around_marks
from dolma_pipe.cuts import Cuts
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.shard import BATCH_BYTES
from dolma_pipe.stream import ByteStream, Damaged, read_lines
from dolma_pipe.work import address, held


class Texts(NamedTuple):
    """Some documents: rows int64[n] of the shard; text uint8[bytes]; offsets int64[n + 1].

    lines: the whole JSON line of each, in which the text is as it was before any cuts.
    """

    rows: I64
    text: U8
    offsets: I64
    lines: list[bytes]


class _Text(msgspec.Struct):
    text: str


_decode = msgspec.json.Decoder(_Text).decode


def read_survivor_lines(columns: Path) -> I64:
    """int64[rows], ascending: the line of the input that each row of a curated shard was. columns:
    its table of columns, see Work.columns."""
    with held(columns) as file:
        lines = pq.read_table(file, columns=["line"]).column("line").to_numpy()
    return np.asarray(lines, np.int64)


def read_curated_lines(path: Path | str) -> Iterator[bytes]:
    """The lines of a curated shard, row by row. Raises WorkError where it is damaged."""
    try:
        with held(path) as file:
            for line in read_lines(ByteStream(str(file)), sys.maxsize):
                assert line.content is not None  # nothing is longer than that
                yield line.content
    except Damaged as damage:
        raise WorkError(
            f"{address(Path(path))} is damaged ({damage}): remove it and run again"
        ) from None


def read_texts(
    path: Path | str, rows: I64, cuts: Cuts | None = None, *, messages: bool = False
) -> Iterator[Texts]:
    """The texts of these rows (ascending), in batches of some megabytes.

    cuts: of the whole shard, taken out of the texts; messages: all but the marks of turns. Raises
    WorkError where the shard is damaged or has fewer rows.
    """
    wanted = iter(rows.tolist())
    row = next(wanted, None)
    held: list[bytes] = []
    size = done = 0
    for i, line in enumerate(read_curated_lines(path) if row is not None else ()):
        if i != row:
            continue
        held.append(line)
        size += len(line)
        row = next(wanted, None)
        if size >= BATCH_BYTES or row is None:
            yield _texts(rows[done : done + len(held)], held, cuts, messages)
            held, size, done = [], 0, done + len(held)
        if row is None:
            return
    if row is not None:
        raise WorkError(f"{address(Path(path))} has no row {row}: remove it and run again")


def _texts(rows: I64, held: list[bytes], cuts: Cuts | None, messages: bool) -> Texts:
    column = pa.array([_decode(line).text for line in held], pa.large_string())
    _, offsets, text = column.buffers()
    content = text_in(text)
    borders = np.frombuffer(offsets, np.int64)[: len(held) + 1]
    if cuts is not None:
        of = cuts.of(rows)
        of = around_marks(of, content, borders) if messages else of
        content, borders = of.apply(content, borders)
    return Texts(rows, content, borders, held)
