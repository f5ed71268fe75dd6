"""Collect: the text of all windows of repeated fingerprints of one shard, ordered by part."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from dolma_pipe.curated import Texts
from dolma_pipe.entries import Substring
from dolma_pipe.kernels.jit import Bool
from dolma_pipe.kernels.repeats import Snippets
from dolma_pipe.kernels.winnow import Fingerprints
from dolma_pipe.stages.dedup.cells import read_cell_of_all
from dolma_pipe.stages.dedup.hashes import map_hashes
from dolma_pipe.stages.dedup.live import read_rows
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.stages.dedup.substring.sign import ROW, block_path
from dolma_pipe.stages.dedup.substring.snippets import (
    concatenated,
    cut_out,
    told_apart,
    write_snippets,
)
from dolma_pipe.work import here

FILE_BYTES = 64 << 20
"""Snippets that a task holds before it writes a file."""


def collect_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: snippets/<shard>.<file>.cells, a cell a part. args: blocks, of each shard that takes
    part; parts, of the fingerprints; into, how many parts there are of the snippets."""
    plan, shard = load(args["plan"]), args["part"]
    counts = dict.fromkeys(("snippets", "snippet_bytes", "windows", "files"), 0)
    assert isinstance(plan.entry, Substring)
    width = plan.entry.min_bytes
    held: list[Snippets] = []
    names = count()

    def flush() -> None:
        path = plan.path(f"snippets/{plan.shards[shard].key}.{next(names)}.cells")
        write_snippets(path, concatenated(held), args["into"], width)
        held.clear()
        counts["files"] += 1

    for snippets in _snippets(plan, shard, args["blocks"], args["parts"]):
        counts["snippets"] += len(snippets.hashes)
        counts["snippet_bytes"] += int((snippets.windows + width - 1).sum())
        counts["windows"] += int(snippets.windows.sum())
        held.append(snippets)
        if sum(len(one.content) + 40 * len(one.hashes) for one in held) >= FILE_BYTES:
            flush()
    if held:
        flush()
    return counts


def _snippets(plan: Plan, shard: int, blocks: list[int], parts: int) -> Iterator[Snippets]:
    """Some megabytes of text at a time; a block of fingerprints is one pass over the shard."""
    index = plan.taking_part().index(shard)
    before = sum(blocks[:index])
    for block in range(blocks[index]):
        found, frequent = _repeated(plan, shard, block, before + block, parts)
        rows = np.unique(found.rows)
        for texts in read_rows(plan, shard, rows) if len(rows) else ():
            yield _of_batch(plan, shard, texts, found, frequent)


def _repeated(
    plan: Plan, shard: int, block: int, cell: int, parts: int
) -> tuple[Fingerprints, Bool]:
    """The repeated fingerprints of a block in the order of the text, and which are frequent."""
    paths = (plan.path(f"repeated/{part}.cells") for part in range(parts))
    numbers = np.concatenate(list(read_cell_of_all(paths, cell)))
    chosen = (numbers >> np.uint64(1)).astype(np.int64)
    hashes = map_hashes(block_path(plan, shard, block, "hashes"))[chosen]
    mapped = np.memmap(here(block_path(plan, shard, block, "places")), np.uint64, "r")
    places = mapped.reshape(-1, 2)[chosen]
    order = np.argsort(places[:, 0])
    rows, starts = places[order, 0] >> ROW, places[order, 0] & np.uint64(0xFFFFFFFF)
    windows = places[order, 1].astype(np.int64)
    found = Fingerprints(hashes[order], rows.astype(np.int64), starts.astype(np.int64), windows)
    return found, (numbers[order] & np.uint64(1)).astype(np.bool_)


def _of_batch(
    plan: Plan, shard: int, texts: Texts, found: Fingerprints, frequent: Bool
) -> Snippets:
    assert isinstance(plan.entry, Substring)
    width = plan.entry.min_bytes
    first, end = np.searchsorted(found.rows, [texts.rows[0], texts.rows[-1] + 1])
    some, often = found.of(np.arange(first, end)), frequent[first:end]
    some = some._replace(rows=np.searchsorted(texts.rows, some.rows))
    if often.any():
        size = plan.entry.fingerprint_bytes
        apart = told_apart(texts.text, texts.offsets, some.of(often), size, width)
        rare = some.of(~often)
        some = Fingerprints(
            np.concatenate([rare.hashes, apart.hashes]),
            np.concatenate([rare.rows, apart.rows]),
            np.concatenate([rare.starts, apart.starts]),
            np.concatenate([rare.windows, apart.windows]),
        )
        some = some.of(np.lexsort((some.starts, some.rows)))
    numbers = texts.rows.astype(np.uint64) + np.uint64(plan.firsts[shard])
    return cut_out(texts.text, texts.offsets, some, numbers, width)
