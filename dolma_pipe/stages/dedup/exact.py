"""Exact: of equal hashes the first stays."""

from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.late import sign_if_late
from dolma_pipe.stages.dedup.plan import Plan, Steps
from dolma_pipe.stages.dedup.shuffle import COUNTS

RECORD = 32
"""Bytes a document in the shuffle."""


def find_equal(steps: Steps, plan: Plan) -> Found:
    """All steps of an exact entry, up to its decisions."""
    sign_if_late(steps, plan)
    partitions = plan.partitions(RECORD)
    shuffled = steps.over_shards("shuffle:shuffle_shard", plan.taking_part(), partitions=partitions)
    decided = steps.over_parts("group:group_equal", partitions)
    names = ("candidate_documents", "candidate_pairs")
    return Found({**total(shuffled, COUNTS), **total(decided, names)}, decided)
