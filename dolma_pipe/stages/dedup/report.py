"""dedup/report.json: what each entry found and removed, with examples that people can look at."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from dolma_pipe.entries import Entry, MinHash
from dolma_pipe.stages.dedup.banding import banding_of
from dolma_pipe.stages.dedup.decisions import EXAMPLES
from dolma_pipe.stages.dedup.plan import Plan

SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)


class Entered(msgspec.Struct):
    """What the steps of one entry returned: a dict a shard or part."""

    plan: Plan
    shuffled: list[dict[str, int]]
    edges: list[dict[str, int]]
    components: dict[str, int]
    decided: list[dict[str, Any]]
    marked: list[dict[str, Any]]


def entry_report(entered: Entered, excerpts: dict[str, Any]) -> dict[str, Any]:
    """The report of one entry. excerpts: id and beginning of documents by dense number."""
    plan = entered.plan
    pairs = _source_pairs(entered)
    return {
        "entry": plan.number,
        "method": plan.entry.method,
        "settings": msgspec.to_builtins(plan.entry),
        **_curve(plan.entry),
        "documents": _total(entered.shuffled, "documents"),
        "bytes": _total(entered.shuffled, "bytes"),
        "compared_documents": _total(entered.shuffled, "hashed"),
        "left_out_documents": _total(entered.shuffled, "documents")
        - _total(entered.shuffled, "hashed"),
        **_candidates(entered),
        "clusters": _total(entered.decided, "clusters"),
        "cluster_sizes": _sizes(entered.decided),
        "removed_documents": sum(pair["documents"] for pair in pairs),
        "removed_bytes": sum(pair["bytes"] for pair in pairs),
        "removed_by_sources": pairs,
        "biggest_clusters": [_shown(plan, c, excerpts) for c in biggest(entered.decided)],
    }


def biggest(decided: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The biggest clusters of all parts."""
    clusters = [cluster for part in decided for cluster in part["biggest"]]
    return sorted(clusters, key=lambda c: (-c["size"], c["kept"]))[:EXAMPLES]


def named_documents(decided: Iterable[dict[str, Any]]) -> set[int]:
    """The documents that the report shows, by dense number."""
    shown = biggest(decided)
    return {c["kept"] for c in shown} | {copy["document"] for c in shown for copy in c["copies"]}


def _curve(entry: Entry) -> dict[str, Any]:
    """Which pairs the bands find: P(s) is to be measured on candidates, before verification."""
    if not isinstance(entry, MinHash):
        return {}
    banding = banding_of(entry)
    probabilities = {f"{s:g}": round(banding.probability(s), 6) for s in SIMILARITIES}
    return {
        "bands": banding.bands,
        "rows": banding.rows,
        "curve_threshold": round(banding.threshold, 6),
        "candidate_probability": probabilities,
    }


def _candidates(entered: Entered) -> dict[str, int]:
    if not isinstance(entered.plan.entry, MinHash):
        names = ("candidate_documents", "candidate_pairs")
        return {name: _total(entered.decided, name) for name in names}
    components = {k: v for k, v in entered.components.items() if k != "partitions"}
    return {
        "shared_keys": _total(entered.edges, "shared_keys"),
        **components,
        "compared_pairs": _total(entered.decided, "compared_pairs"),
        "verified_pairs": _total(entered.decided, "verified_pairs"),
    }


def _total(counts: Iterable[dict[str, Any]], name: str) -> int:
    return sum(count[name] for count in counts)


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
    ordered = sorted(documents, key=lambda pair: (order[pair[0]], order[pair[1]]))
    return [
        {"removed": a, "kept": b, "documents": documents[a, b], "bytes": size[a, b]}
        for a, b in ordered
    ]


def _sources(plan: Plan) -> list[str]:
    return [shard.source for shard in plan.shards]


def _shown(plan: Plan, cluster: dict[str, Any], excerpts: dict[str, Any]) -> dict[str, Any]:
    copies = [
        {**_document(plan, copy["document"], excerpts), "jaccard": copy["jaccard"]}
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
