"""Mark: what an entry did to one shard."""

from collections import Counter
from typing import Any

import numpy as np

from dolma_pipe.cuts import Cuts, no_cuts, read_cuts, without, write_cuts
from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.annotations import write_annotations
from dolma_pipe.stages.dedup.decisions import NOBODY, Placed, read_decisions, read_heads
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import atomic_write


def mark_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task: what the next entry finds.

    removed/<shard>.u8; cuts/<shard>.i64 once an entry has edited. An entry that annotates leaves
    both as they were, and writes annotations/<shard>.parquet. args: found, whether there are cuts.
    Returns counts of documents and bytes: those it found, those removed by
    source of the kept one ("" for none), those cut.
    """
    plan, shard = load(args["plan"]), args["part"]
    placed, heads = read_decisions(plan, shard), read_heads(plan, shard)
    cuts = _found(plan, shard, placed, found=args["found"])
    removed, cut = plan.removed(shard), plan.cuts(shard)
    live = removed == 0
    if plan.entry.action == "annotate":
        write_annotations(plan, shard, placed, heads, cuts)
    else:
        removed[_rows(plan, shard, placed.decisions.removed)] = plan.number
        cut = cut.then(cuts)
    key = plan.shards[shard].key
    with atomic_write(plan.path(f"removed/{key}.u8"), durable=False) as file:
        file.write(removed.data)
    if plan.edited or plan.entry.changes_text:
        write_cuts(plan.path(f"cuts/{key}.i64"), cut, durable=False)
    kept = placed.decisions.kept
    lengths, cut_bytes = plan.lengths(shard), cuts.lengths()
    return {
        "documents": int(live.sum()),
        "bytes": int(lengths[live].sum()),
        "removed": _by_kept_source(plan, shard, placed.decisions.removed, kept),
        "cut_documents": int((cut_bytes > 0).sum()),
        "cut_bytes": int(cut_bytes.sum()),
    }


def _rows(plan: Plan, shard: int, documents: U64) -> Any:
    return (documents - np.uint64(plan.firsts[shard])).astype(np.int64)


def _found(plan: Plan, shard: int, placed: Placed, *, found: bool) -> Cuts:
    """What is to be cut out of documents that stay, in what the entry saw of them."""
    documents = plan.shards[shard].documents
    if not found or not plan.entry.concerns(plan.shards[shard].source):
        return no_cuts(documents)
    cuts = read_cuts(plan.path(f"found/{plan.shards[shard].key}.i64"), documents)
    gone = np.zeros(documents, np.bool_)
    gone[_rows(plan, shard, placed.decisions.removed)] = True
    return without(cuts, gone)


def _by_kept_source(plan: Plan, shard: int, removed: U64, kept: U64) -> dict[str, list[int]]:
    """Documents and bytes removed from this shard, by the source of the document that stayed."""
    lengths = plan.lengths(shard)[_rows(plan, shard, removed)]
    documents, size = Counter[str](), Counter[str]()
    of_kept = np.where(kept == NOBODY, -1, plan.shard_of(np.where(kept == NOBODY, 0, kept)))
    for kept_shard in np.unique(of_kept).tolist():
        source = "" if kept_shard < 0 else plan.shards[kept_shard].source
        hit = of_kept == kept_shard
        documents[source] += int(hit.sum())
        size[source] += int(lengths[hit].sum())
    return {source: [documents[source], size[source]] for source in sorted(documents)}
