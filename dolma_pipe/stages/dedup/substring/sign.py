"""Sign: the fingerprints of one shard, in blocks that are sorted by hash, so that any part of all
hashes is one stretch of each block."""

from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.entries import Substring
from dolma_pipe.kernels.jit import U64
from dolma_pipe.kernels.winnow import Fingerprints, winnow
from dolma_pipe.stages.dedup.hashes import write_hashes
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import atomic_write

BLOCK = 4 << 20
"""Fingerprints that a task holds before it writes a block; some 900 MB of text."""

ROW = np.uint64(32)
"""A place is row << 32 | byte of the document: curated documents are far smaller than 4 GiB."""


def sign_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: fingerprints/<shard>.<block>.hashes.u64 and .places.u64, in blocks of whole documents.

    hashes: as in hashes.py; places: uint64[n, 2], place and number of windows.
    """
    plan, shard = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Substring)
    held: list[U64] = []
    counts = dict.fromkeys(
        ("compared_documents", "left_out_documents", "compared_bytes", "fingerprints", "blocks"), 0
    )
    size = 0
    for texts in read_live(plan, shard):
        found = winnow(
            texts.text, texts.offsets, plan.entry.fingerprint_bytes, plan.entry.min_bytes
        )
        held.append(_records(found, texts.rows[found.rows].astype(np.uint64)))
        size += len(found.hashes)
        lengths = np.diff(texts.offsets)
        long_enough = lengths >= plan.entry.min_bytes
        counts["compared_documents"] += int(long_enough.sum())
        counts["left_out_documents"] += int((~long_enough).sum())
        counts["compared_bytes"] += int(lengths[long_enough].sum())
        counts["fingerprints"] += len(found.hashes)
        if size >= BLOCK:
            _write(plan, shard, counts["blocks"], held)
            held, size = [], 0
            counts["blocks"] += 1
    if size:
        _write(plan, shard, counts["blocks"], held)
        counts["blocks"] += 1
    return counts


def block_path(plan: Plan, shard: int, block: int, what: str) -> Path:
    """Of hashes or places."""
    return plan.path(f"fingerprints/{plan.shards[shard].key}.{block}.{what}.u64")


def _records(found: Fingerprints, rows: U64) -> U64:
    places = rows << ROW | found.starts.astype(np.uint64)
    return np.stack([found.hashes, places, found.windows.astype(np.uint64)], axis=1)


def _write(plan: Plan, shard: int, block: int, held: list[U64]) -> None:
    records = np.concatenate(held)
    records = records[np.argsort(records[:, 0], kind="stable")]
    hashes, places = (np.ascontiguousarray(some) for some in (records[:, 0], records[:, 1:]))
    write_hashes(block_path(plan, shard, block, "hashes"), hashes)
    with atomic_write(block_path(plan, shard, block, "places"), durable=False) as file:
        file.write(places.data)
