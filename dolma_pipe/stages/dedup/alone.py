"""Alone: documents that go for their own sake, found shard by shard, decided in a few parts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.stages.dedup.decisions import NOBODY, Decisions, write_decisions
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.work import all_here, atomic_write

RECORD = 200
"""Bytes that a decision takes while it is written."""


def write_alone(plan: Plan, shard: int, gone: Iterable[tuple[I64, F64]]) -> None:
    """alone/<shard>.u64: rows that go, and why as a share; no document is named in its favour."""
    first = np.int64(plan.firsts[shard])
    with atomic_write(_path(plan, shard), durable=False) as file:
        for rows, shares in gone:
            record = np.stack([rows + first, shares.view(np.int64)], axis=1)
            file.write(np.ascontiguousarray(record).data)


def decide_alone(steps: Steps, plan: Plan, documents: int) -> list[dict[str, Any]]:
    """Decisions of the shards that take part, `documents` in all: not a part a shard, since every
    part has a cell for every shard."""
    parts = max(1, -(-documents * RECORD // plan.partition_bytes))
    parts = min(parts, max(1, len(plan.taking_part())))
    return steps.over_parts("alone:decide_part", parts, step=parts)


def decide_part(args: dict[str, Any]) -> dict[str, Any]:
    """Task: decisions/<part>.cells of some shards. args: step, how many parts there are."""
    plan, part = load(args["plan"]), args["part"]
    paths = [_path(plan, shard) for shard in plan.taking_part()[part :: args["step"]]]
    records = [
        np.empty(0, np.uint64),
        *(np.fromfile(path, np.uint64) for path in all_here(paths)),
    ]
    documents, shares = np.ascontiguousarray(np.concatenate(records).reshape(-1, 2).T)
    nobody = np.full(len(documents), NOBODY)
    decisions = Decisions(documents, nobody, shares.view(np.float64), documents)
    return write_decisions(plan, part, decisions)


def _path(plan: Plan, shard: int) -> Path:
    return plan.path(f"alone/{plan.shards[shard].key}.u64")
