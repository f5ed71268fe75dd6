"""The cleaned corpus as a product of its own: curated documents without what dedup removed."""

from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.shard import write_shard


def export_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task function. args: curated, removed (or None), out: paths; documents: of the shard."""
    removed = repeat(0, args["documents"])
    if args["removed"]:
        removed = np.fromfile(args["removed"], np.uint8).tolist()
    with write_shard(Path(args["out"])) as writer:
        lines = read_curated_lines(args["curated"])
        writer.lines(line for line, by in zip(lines, removed, strict=True) if by == 0)
    return {"documents": writer.documents}
