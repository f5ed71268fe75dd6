"""Similar: documents that share a key become candidates, the Jaccard of their sets decides."""

from typing import Any

from dolma_pipe.entries import MinHash
from dolma_pipe.stages.dedup.banding import Banding, banding_of
from dolma_pipe.stages.dedup.components import connect
from dolma_pipe.stages.dedup.curve import measure_curve
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.late import sign_if_late
from dolma_pipe.stages.dedup.plan import Plan, Steps
from dolma_pipe.stages.dedup.shuffle import COUNTS

RECORD = 16
"""Bytes a document and band in the shuffle."""

SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)


def find_similar_texts(steps: Steps, plan: Plan) -> Found:
    """All steps of a MinHash entry, up to its decisions."""
    assert isinstance(plan.entry, MinHash)
    sign_if_late(steps, plan)
    return find_similar(steps, plan, banding_of(plan.entry), plan.entry.verify or 0.0)


def find_similar(steps: Steps, plan: Plan, banding: Banding, threshold: float) -> Found:
    """All steps after the keys, a key a band, are there.

    threshold: the least Jaccard of a copy, by the sets of sets.py; 0 trusts the bands.
    """
    partitions = plan.partitions(RECORD)
    shuffled = steps.over_shards("shuffle:shuffle_shard", plan.taking_part(), partitions=partitions)
    counts: dict[str, Any] = total(shuffled, COUNTS)
    edges = steps.over_parts("group:group_similar", banding.bands * partitions)
    documents = _documents_a_partition(counts, plan.partition_bytes)
    components = connect(steps, plan, [one["edges"] for one in edges], documents)
    parts = components.pop("partitions")
    decided: list[dict[str, Any]] = []
    if parts:
        settings = {"threshold": threshold}
        shards = plan.taking_part()
        collected = steps.over_shards("collect:collect_shard", shards, partitions=parts, **settings)
        blocks = [collect["blocks"] for collect in collected]
        decided = steps.over_parts("decide:decide_partition", parts, blocks=blocks, **settings)
    counts |= {"shared_keys": total(edges, ["shared_keys"])["shared_keys"], **components}
    counts |= total(decided, ("compared_pairs", "verified_pairs", "second_look_documents"))
    counts["rejected_pairs"] = counts["compared_pairs"] - counts["verified_pairs"]
    if parts and threshold > 0:
        counts["s_curve"] = measure_curve(steps, banding, len(decided))
    return Found({**_curve(banding), **counts}, decided)


def _documents_a_partition(counts: dict[str, int], partition_bytes: int) -> int:
    """Documents of average length whose shingles fill a partition: 8 bytes for 5 of text."""
    documents, text_bytes = counts["compared_documents"], counts["compared_bytes"]
    return max(1, partition_bytes * documents // max(1, text_bytes * 8 // 5))


def _curve(banding: Banding) -> dict[str, Any]:
    """Which pairs the bands find: P(s) is to be measured on candidates, before verification."""
    return {
        "bands": banding.bands,
        "rows": banding.rows,
        "curve_threshold": round(banding.threshold, 6),
        "candidate_probability": {f"{s:g}": round(banding.probability(s), 6) for s in SIMILARITIES},
    }
