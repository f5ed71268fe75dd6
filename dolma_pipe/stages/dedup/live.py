"""Live texts: documents as an entry finds them, without those that went and what was cut."""

from collections.abc import Iterator

from dolma_pipe.curated import Texts, read_texts
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.plan import Plan


def read_live(plan: Plan, shard: int) -> Iterator[Texts]:
    """All live documents of a shard, some megabytes at a time."""
    return read_rows(plan, shard, plan.live(shard))


def read_rows(plan: Plan, shard: int, rows: I64) -> Iterator[Texts]:
    """Some documents of a shard (rows ascending), some megabytes at a time."""
    cuts = plan.cuts(shard) if plan.edited else None
    return read_texts(plan.work.curated(plan.shards[shard].key), rows, cuts)
