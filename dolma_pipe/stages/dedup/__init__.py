"""Stage 4, deduplicate: entries in order, each on survivors of the one before, over all shards.

sign         in the curate pass: keys of every survivor (sign.py); later where texts were edited
a method     the steps between keys and decisions or cuts (methods.py): shuffle, group, components,
             collect, decide, curve, each a task a shard or a partition, never a document shard by
             itself
mark         decisions gathered for groups of shards, then a task a shard: what is gone after this
             entry, and what is cut
publish      dedup/removed/, dedup/removed.parquet, dedup/cuts/, dedup/annotations/,
             dedup/contamination.parquet, report.json

Shards of earlier runs take part by an index of their keys, sets and ids (index.py): what reads
these asks the plan where they lie.
"""

from collections.abc import Sequence
from typing import Any

from dolma_pipe.engine.base import Engine
from dolma_pipe.entries import Decontaminate, Entry
from dolma_pipe.stages.dedup.methods import FINDERS
from dolma_pipe.stages.dedup.plan import (
    COMPONENTS_BYTES,
    CuratedShard,
    Plan,
    Steps,
    clear_scratch,
    save,
)
from dolma_pipe.stages.dedup.report import Entered, entry_report, named_documents
from dolma_pipe.stages.dedup.sign import signed_while_curating
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
    components_bytes: int = COMPONENTS_BYTES,
) -> dict[str, Any]:
    """Run the entries over the curated shards, whose order numbers the documents.

    method: only the entries of this method (one at least); the others keep their numbers and their
    signatures. Writes dedup/removed/, dedup/removed.parquet and dedup/report.json, and returns the
    report. partition_bytes and components_bytes (memory of the one task that finds components;
    beyond it they are found in rounds over partitions) change the size of tasks, never a result.
    """
    clear_scratch(work)
    early = [number for number, _ in signed_while_curating(entries)]
    entered: list[Entered] = []
    for number, entry in enumerate(entries, 1):
        if method in (None, entry.method):
            plan = Plan(
                root=str(work.root),
                number=number,
                before=entered[-1].plan.number if entered else 0,
                entry=entry,
                shards=tuple(shards),
                late=number not in early,
                edited=any(one.plan.entry.changes_text for one in entered),
                partition_bytes=partition_bytes,
                components_bytes=components_bytes,
            )
            entered.append(_enter(engine, plan))
    report = _publish(work, engine, entered, len(entries))
    clear_scratch(work)
    return report


def _enter(engine: Engine, plan: Plan) -> Entered:
    """One entry, up to the marks that the next one reads."""
    save(plan)
    steps = Steps(engine.under(f"{plan.number} {plan.entry.method}"), plan)
    found = FINDERS[plan.entry.method](steps, plan)
    steps.over_parts("decisions:gather_group", len(plan.groups), decided=len(found.decided))
    marked = steps.over_shards("mark:mark_shard", range(len(plan.shards)), found=found.cuts)
    return Entered(plan, found, marked)


def _publish(work: Work, engine: Engine, entered: list[Entered], entries: int) -> dict[str, Any]:
    """Results under their final names, the report last. entries: of the recipe."""
    steps = Steps(engine, entered[-1].plan)
    shards = range(len(entered[-1].plan.shards))
    noted = [one for one in entered if one.plan.entry.action == "annotate"]
    removing = [one for one in entered if one.plan.entry.action == "remove"]
    published = steps.over_shards(
        "publish:publish_shard",
        shards,
        plans=[str(one.plan.file) for one in noted],
        cuts=any(one.plan.entry.changes_text for one in entered),
    )
    plans = [str(one.plan.file) for one in removing]
    for one in removing:
        Steps(engine, one.plan).over_parts("publish:write_rows", len(one.plan.groups))
    steps.over_parts("publish:publish_table", 1, plans=plans)
    both = zip(entered[-1].plan.shards, published, strict=True)
    indexed = [(shard, count) for shard, count in both if shard.index is not None]
    changes = steps.over_parts("publish:publish_changes", 1) if indexed else []
    searched = [one.plan for one in entered if isinstance(one.plan.entry, Decontaminate)]
    if searched:
        plans = [str(plan.file) for plan in searched]
        steps.over_parts("contamination:publish_contamination", 1, plans=plans)
    report = {
        "documents": sum(shard.documents for shard in entered[-1].plan.shards),
        "indexed_documents": sum(shard.documents for shard, _ in indexed),
        "kept_in_indexes": sum(count["kept"] for _, count in indexed),
        "changed_in_indexes": sum(count["changed"] for count in changes),
        "gone_from_indexes": sum(count["gone"] for count in changes),
        "kept": sum(count["kept"] for count in published),
        "cut_bytes": sum(count["cut_bytes"] for count in published),
        "entries_of_recipe": entries,
        "entries": [entry_report(one, _excerpts(steps, one)) for one in entered],
    }
    write_json(work.dedup / "report.json", report)
    return report


def _excerpts(steps: Steps, entered: Entered) -> dict[str, Any]:
    """Id and beginning of the documents that the report shows."""
    wanted: dict[int, list[int]] = {}
    for number in sorted(named_documents(entered.found.decided)):
        wanted.setdefault(entered.plan.locate(number), []).append(number)
    documents = {str(shard): numbers for shard, numbers in wanted.items()}
    found = steps.over_shards("publish:read_excerpts", sorted(wanted), documents=documents)
    return {number: shown for one in found for number, shown in one.items()}
