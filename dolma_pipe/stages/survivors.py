"""What deduplication has left of a shard: counted where the files are read, not where a run is
driven."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.cuts import read_cuts
from dolma_pipe.kernels.jit import U8
from dolma_pipe.manifest import content_hash
from dolma_pipe.work import Work, here


class Left(msgspec.Struct, frozen=True):
    """removed, cuts: xxh3-128 of these files. documents: removed by each entry. lost_bytes: of
    text, with removed documents and in cuts; cut_bytes: those in cuts.
    """

    removed: str
    cuts: str | None
    documents: tuple[int, ...]
    lost_bytes: int
    cut_bytes: int


def left_path(work: Work) -> Path:
    """Left by key of the shard."""
    return work.dedup / "survivors.json"


def count_survivors(args: dict[str, Any]) -> dict[str, Any]:
    """Task function. args: work, key; entries: how many; edited: whether there are cuts."""
    work, key = Work(args["work"]), args["key"]
    file = here(work.removed(key))
    removed: U8 = np.fromfile(file, np.uint8)
    columns = pq.read_table(here(work.columns(key)), columns=["length"])
    lost = int(columns.column(0).to_numpy()[removed != 0].sum())
    cuts, cut_bytes = None, 0
    if args["edited"]:
        path = here(work.cuts(key))
        cut_bytes = int(read_cuts(path, len(removed)).lengths().sum())
        cuts = content_hash(str(path))
    left = Left(
        removed=content_hash(str(file)),
        cuts=cuts,
        documents=tuple(np.bincount(removed, minlength=args["entries"] + 1)[1:].tolist()),
        lost_bytes=lost + cut_bytes,
        cut_bytes=cut_bytes,
    )
    return dict(msgspec.to_builtins(left))
