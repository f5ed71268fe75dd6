"""The cleaned corpus as a product of its own: curated documents without what dedup removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.conversations import around_marks, with_messages
from dolma_pipe.curated import read_curated_lines
from dolma_pipe.cuts import Cuts, no_cuts, read_cuts
from dolma_pipe.document import parse, with_fields
from dolma_pipe.kernels.jit import U8
from dolma_pipe.shard import write_shard
from dolma_pipe.work import here


def export_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task function. args: curated, removed, cuts (or None), out: paths; documents: how many.

    messages: whether they are conversations, which are written as such.
    """
    with write_shard(Path(args["out"])) as writer:
        lines = survivors_of(args)
        writer.lines(map(with_messages, lines) if args["messages"] else lines)
    return {"documents": writer.documents}


def survivors_of(args: dict[str, Any]) -> Iterator[bytes]:
    """The lines of a curated shard that deduplication has left, without what it cut out.

    args: curated, removed, cuts, documents, messages as for export_shard.
    """
    documents = args["documents"]
    removed: U8 = np.zeros(documents, np.uint8)
    if args["removed"]:
        removed = np.fromfile(here(args["removed"]), np.uint8)
    cuts = read_cuts(args["cuts"], documents) if args["cuts"] else no_cuts(documents)
    yield from _lines(args["curated"], removed, cuts, messages=args["messages"])


def _lines(curated: str, removed: U8, cuts: Cuts, *, messages: bool) -> Iterator[bytes]:
    edited = np.diff(cuts.offsets) > 0
    lines = zip(read_curated_lines(curated), removed.tolist(), edited.tolist(), strict=True)
    for row, (line, by, cut) in enumerate(lines):
        if by == 0:
            yield _without_cuts(line, cuts.of(np.array([row])), messages) if cut else line


def _without_cuts(line: bytes, cuts: Cuts, messages: bool) -> bytes:
    """The line with what is left of its text; all other fields keep their bytes."""
    text = np.frombuffer(parse(line)[0].text.encode(), np.uint8)
    whole = np.array([0, len(text)])
    left, _ = (around_marks(cuts, text, whole) if messages else cuts).apply(text, whole)
    return with_fields(line, text=left.tobytes().decode())
