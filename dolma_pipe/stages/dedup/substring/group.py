"""Group: fingerprints that stand in more than one place of the corpus; singletons go no further."""

from typing import Any

import numpy as np

from dolma_pipe.stages.dedup.cells import write_cells
from dolma_pipe.stages.dedup.group import runs
from dolma_pipe.stages.dedup.hashes import read_stretches
from dolma_pipe.stages.dedup.plan import load
from dolma_pipe.stages.dedup.substring.sign import block_path

FREQUENT = 1 << 14
"""More places than this, and snippets are told apart by a second fingerprint each."""


def group_part(args: dict[str, Any]) -> dict[str, int]:
    """Task: repeated/<part>.cells, a cell a block: number in the block << 1 | frequent.

    args: blocks, of each shard that takes part; of, how many parts.
    """
    plan, part, parts = load(args["plan"]), args["part"], args["of"]
    pieces, firsts = [np.empty(0, np.uint64)], []
    paths = (
        block_path(plan, shard, block, "hashes")
        for shard, blocks in zip(plan.taking_part(), args["blocks"], strict=True)
        for block in range(blocks)
    )
    first, end = ((p << 64) // parts for p in (part, part + 1))  # equal stretches of all hashes
    for start, some in read_stretches(paths, first, end):
        pieces.append(some)
        firsts.append(start)
    hashes = np.concatenate(pieces)
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    _, sizes = runs(ordered[1:] != ordered[:-1], len(ordered))
    places = np.empty(len(hashes), np.int64)
    places[order] = np.repeat(sizes, sizes)
    cells, done = [], 0
    for piece, start in zip(pieces[1:], firsts, strict=True):
        often = places[done : done + len(piece)]
        chosen = np.flatnonzero(often > 1)
        cells.append(((chosen + start) << 1 | (often[chosen] > FREQUENT)).astype(np.uint64))
        done += len(piece)
    sizes_of_cells = np.array([len(cell) for cell in cells], np.int64)
    write_cells(plan.path(f"repeated/{part}.cells"), sizes_of_cells, cells)
    return {
        "repeated_fingerprints": int(sizes[sizes > 1].sum()),
        "frequent_fingerprints": int((sizes > FREQUENT).sum()),
    }
