"""The cleaned corpus as a product of its own: curated documents without what deduplication
removed."""

from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.shard import ShardReader, write_shard


def export_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task function. args: curated, removed (or None), out: paths; source."""
    removed = np.fromfile(args["removed"], np.uint8) if args["removed"] else None
    first = 0
    with write_shard(Path(args["out"])) as writer:
        for batch in ShardReader(args["curated"], source=args["source"]):
            raws = batch.documents.column("raw").to_pylist()
            gone = removed[first : first + len(batch)] if removed is not None else [0] * len(batch)
            writer.lines(raw for raw, by in zip(raws, gone, strict=True) if by == 0)
            first += len(batch)
    return {"documents": writer.documents}
