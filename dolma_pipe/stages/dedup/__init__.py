"""Stage 4, deduplicate: entries in order, each on survivors of the one before, over all shards.

sign         in the curate pass: keys of every survivor (sign.py)
shuffle      a task a shard: keys ordered by band and partition
group        a task a band and partition: equal texts, or edges between documents that share a key
components   one task: documents joined by edges
collect      a task a shard: shingle sets of the candidates
decide       a task a partition of components: greedily, only for a document that is kept
mark         a task a shard: what is gone after this entry
publish      dedup/removed/, dedup/removed.parquet, dedup/report.json
"""

from collections.abc import Sequence
from typing import Any

from dolma_pipe.engine.base import Engine
from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.stages.dedup.banding import banding_of
from dolma_pipe.stages.dedup.plan import CuratedShard, Plan, Steps, clear_scratch, save
from dolma_pipe.stages.dedup.report import Entered, entry_report, named_documents
from dolma_pipe.work import Work, write_json

PARTITION_BYTES = 192 << 20
"""Records that one task sorts; it needs some four times as much memory."""


def deduplicate(
    work: Work,
    entries: Sequence[Entry],
    shards: Sequence[CuratedShard],
    engine: Engine,
    method: str | None = None,
    partition_bytes: int = PARTITION_BYTES,
) -> dict[str, Any]:
    """Run the entries over the curated shards, whose order numbers the documents.

    method: only the entries of this method (one at least); the others keep their numbers and their
    signatures. Writes dedup/removed/, dedup/removed.parquet and dedup/report.json, and returns the
    report. partition_bytes changes the size of tasks, never a result.
    """
    clear_scratch(work)
    entered: list[Entered] = []
    for number, entry in enumerate(entries, 1):
        if method in (None, entry.method):
            before = entered[-1].plan.number if entered else 0
            partitions = _partitions(entry, shards, partition_bytes)
            plan = Plan(str(work.root), number, before, entry, tuple(shards), partitions)
            entered.append(_enter(engine, plan, partition_bytes))
    report = _publish(work, engine, entered)
    clear_scratch(work)
    return report


def _enter(engine: Engine, plan: Plan, partition_bytes: int) -> Entered:
    """One entry, up to the marks that the next one reads."""
    save(plan)
    steps = Steps(engine, plan)
    edges: list[dict[str, int]] = []
    components: dict[str, int] = {}
    shuffled = steps.over_shards("shuffle:shuffle_shard", plan.taking_part())
    if isinstance(plan.entry, Exact):
        decided = steps.over_parts("group:group_equal", plan.partitions)
    else:
        edges, components, decided = _similar(steps, plan, plan.entry, shuffled, partition_bytes)
    shards = range(len(plan.shards))
    marked = steps.over_shards("mark:mark_shard", shards, parts=len(decided))
    return Entered(plan, shuffled, edges, components, decided, marked)


def _similar(
    steps: Steps, plan: Plan, entry: MinHash, shuffled: list[dict[str, int]], partition_bytes: int
) -> tuple[list[dict[str, int]], dict[str, int], list[dict[str, Any]]]:
    """Edges, components and decisions of a MinHash entry."""
    edges = steps.over_parts("group:group_similar", banding_of(entry).bands * plan.partitions)
    [components] = steps.over_parts(
        "components:find_components",
        1,
        edge_parts=len(edges),
        documents_a_partition=_documents_a_partition(shuffled, partition_bytes),
    )
    parts = components["partitions"]
    if parts == 0:
        return edges, components, []
    collected = steps.over_shards("collect:collect_shard", plan.taking_part(), partitions=parts)
    blocks = [collect["blocks"] for collect in collected]
    decided = steps.over_parts("decide:decide_partition", parts, blocks=blocks)
    return edges, components, decided


def _partitions(entry: Entry, shards: Sequence[CuratedShard], partition_bytes: int) -> int:
    """Parts of the hash space (of each band), records of some partition_bytes in each."""
    record = 32 if isinstance(entry, Exact) else 16
    documents = sum(shard.documents for shard in shards if entry.concerns(shard.source))
    return max(1, -(-documents * record // partition_bytes))


def _documents_a_partition(shuffled: list[dict[str, int]], partition_bytes: int) -> int:
    """Documents of average length whose shingles fill a partition: 8 bytes for 5 of text."""
    documents = sum(count["documents"] for count in shuffled)
    text_bytes = sum(count["bytes"] for count in shuffled)
    return max(1, partition_bytes * documents // max(1, text_bytes * 8 // 5))


def _publish(work: Work, engine: Engine, entered: list[Entered]) -> dict[str, Any]:
    """Results under their final names, the report last."""
    plans = [str(one.plan.path("plan.json")) for one in entered]
    steps = Steps(engine, entered[-1].plan)
    shards = range(len(entered[-1].plan.shards))
    published = steps.over_shards("publish:publish_shard", shards)
    parts = [len(one.decided) for one in entered]
    steps.over_parts("publish:publish_table", 1, plans=plans, all_parts=parts)
    report = {
        "documents": sum(shard.documents for shard in entered[-1].plan.shards),
        "kept": sum(count["kept"] for count in published),
        "entries": [entry_report(one, _excerpts(steps, one)) for one in entered],
    }
    write_json(work.dedup / "report.json", report)
    return report


def _excerpts(steps: Steps, entered: Entered) -> dict[str, Any]:
    """Id and beginning of the documents that the report shows."""
    wanted: dict[int, list[int]] = {}
    for number in sorted(named_documents(entered.decided)):
        wanted.setdefault(entered.plan.locate(number), []).append(number)
    documents = {str(shard): numbers for shard, numbers in wanted.items()}
    found = steps.over_shards("publish:read_excerpts", sorted(wanted), documents=documents)
    return {number: shown for one in found for number, shown in one.items()}
