"""Compare: windows of one part of all hashes that repeat an earlier one; a task a part."""

from typing import Any

import numpy as np

from dolma_pipe.entries import Substring
from dolma_pipe.kernels.repeats import find_repeats
from dolma_pipe.stages.dedup.cells import write_grouped
from dolma_pipe.stages.dedup.plan import load
from dolma_pipe.stages.dedup.substring.snippets import read_snippets


def compare_part(args: dict[str, Any]) -> dict[str, int]:
    """Task: repeats/<part>.cells, a cell a shard with records of (row, start, end).

    args: files, of each shard that takes part.
    """
    plan, part = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Substring)
    listed = list(zip(plan.taking_part(), args["files"], strict=True))
    # survivor order: preferred sources first, then as they come
    listed.sort(key=lambda pair: plan.entry.preference(plan.shards[pair[0]].source))
    paths = (
        plan.path(f"snippets/{plan.shards[shard].key}.{file}.cells")
        for shard, files in listed
        for file in range(files)
    )
    snippets = read_snippets(paths, part)
    repeats = find_repeats(snippets, plan.entry.min_bytes)
    documents = snippets.documents[repeats.snippets]
    shards = plan.shard_of(documents)
    rows = documents - plan.firsts[shards].astype(np.uint64)
    columns = [rows, repeats.starts.astype(np.uint64), repeats.ends.astype(np.uint64)]
    path = plan.path(f"repeats/{part}.cells")
    write_grouped(path, shards, np.stack(columns, axis=1), len(plan.shards))
    return {"refused_windows": repeats.refused}
