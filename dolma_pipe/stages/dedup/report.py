"""dedup/report.json: what each entry found and removed, with examples that people can look at."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from dolma_pipe.stages.dedup.decisions import EXAMPLES
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.plan import Plan


class Entered(msgspec.Struct):
    """An entry that was run: what its method found, and what mark_shard returned a shard."""

    plan: Plan
    found: Found
    marked: list[dict[str, Any]]


def entry_report(entered: Entered, excerpts: dict[str, Any]) -> dict[str, Any]:
    """The report of one entry. excerpts: id and beginning of documents by dense number."""
    plan, decided = entered.plan, entered.found.decided
    pairs, cut = _source_pairs(entered), _cut_by_source(entered)
    removed_documents = sum(pair["documents"] for pair in pairs)
    counts = {**entered.found.counts, **total(decided, ["clusters"])}
    if "components" in counts:  # candidates that were nobody's copy, and had none
        neither = counts["candidate_documents"] - counts["clusters"] - removed_documents
        counts["rejected_candidate_documents"] = neither
    names = ("documents", "bytes", "cut_documents", "cut_bytes")
    return {
        "entry": plan.number,
        "method": plan.entry.method,
        "settings": msgspec.to_builtins(plan.entry),
        **total(entered.marked, names),
        **counts,
        "cluster_sizes": _sizes(decided),
        "removed_documents": removed_documents,
        "removed_bytes": sum(pair["bytes"] for pair in pairs),
        "removed_by_sources": pairs,
        "cut_by_sources": cut,
        "biggest_clusters": [_shown(plan, c, excerpts) for c in biggest(decided)],
    }


def biggest(decided: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The biggest clusters of all parts."""
    clusters = [cluster for part in decided for cluster in part["biggest"]]
    return sorted(clusters, key=lambda c: (-c["size"], c["kept"]))[:EXAMPLES]


def named_documents(decided: Iterable[dict[str, Any]]) -> set[int]:
    """The documents that the report shows, by dense number."""
    shown = biggest(decided)
    return {c["kept"] for c in shown} | {copy["document"] for c in shown for copy in c["copies"]}


def _sizes(decided: Iterable[dict[str, Any]]) -> dict[str, int]:
    total = Counter[str]()
    for part in decided:
        total.update(part["cluster_sizes"])
    return dict(sorted(total.items(), key=lambda item: int(item[0].partition("-")[0])))


def _source_pairs(entered: Entered) -> list[dict[str, Any]]:
    """Documents and bytes by source that lost and source that kept, in the order of sources."""
    order = {source: i for i, source in enumerate(dict.fromkeys(_sources(entered.plan)))}
    documents, size = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for source, marked in zip(_sources(entered.plan), entered.marked, strict=True):
        for kept, (count, removed_bytes) in marked["removed"].items():
            documents[source, kept] += count
            size[source, kept] += removed_bytes
    order[""] = len(order)  # without regard to another document
    ordered = sorted(documents, key=lambda pair: (order[pair[0]], order[pair[1]]))
    return [
        {"removed": a, "kept": b or None, "documents": documents[a, b], "bytes": size[a, b]}
        for a, b in ordered
    ]


def _cut_by_source(entered: Entered) -> list[dict[str, Any]]:
    """Documents and bytes by source that lost stretches."""
    cut: dict[str, list[int]] = {}
    for source, marked in zip(_sources(entered.plan), entered.marked, strict=True):
        told = cut.setdefault(source, [0, 0])
        told[0] += marked["cut_documents"]
        told[1] += marked["cut_bytes"]
    return [{"source": s, "documents": n, "bytes": size} for s, (n, size) in cut.items() if n]


def _sources(plan: Plan) -> list[str]:
    return [shard.source for shard in plan.shards]


def _shown(plan: Plan, cluster: dict[str, Any], excerpts: dict[str, Any]) -> dict[str, Any]:
    copies = [
        {**_document(plan, copy["document"], excerpts), "similarity": copy["similarity"]}
        for copy in cluster["copies"]
    ]
    return {
        "size": cluster["size"],
        "kept": _document(plan, cluster["kept"], excerpts),
        "copies": copies,
    }


def _document(plan: Plan, number: int, excerpts: dict[str, Any]) -> dict[str, Any]:
    shard = plan.locate(number)
    row = number - int(plan.firsts[shard])
    return {"shard": plan.shards[shard].key, "row": row, **excerpts[str(number)]}
