"""Decide: greedily in survivor order, a document goes only for one that is kept."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.jaccard import Verdicts, decide_greedily
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.collect import Candidates, read_candidates
from dolma_pipe.stages.dedup.decisions import Decisions, write_decisions
from dolma_pipe.stages.dedup.plan import load


class Counts(NamedTuple):
    """Pairs whose Jaccard was computed, and those that reached the threshold; documents of costly
    components that a second, stricter MinHash decided."""

    compared_pairs: int
    verified_pairs: int
    second_look_documents: int


def decide_partition(args: dict[str, Any]) -> dict[str, Any]:
    """Task: decisions/<part>.cells. args: threshold; blocks, the number of files of each shard."""
    plan, part = load(args["plan"]), args["part"]
    candidates = read_candidates(plan, part, args["blocks"])
    order = plan.survivor_order(candidates.documents, candidates.ranks, candidates.components)
    decisions, counts = decide_all(candidates, order, args["threshold"])
    return {**counts._asdict(), **write_decisions(plan, part, decisions)}


def decide_all(candidates: Candidates, order: I64, threshold: float) -> tuple[Decisions, Counts]:
    """Component by component. order: places of the candidates by component, then survivor order.

    threshold: the least Jaccard of a copy; 0 removes all but the first of a component.
    """
    components = candidates.components[order]
    borders = np.flatnonzero(np.diff(components)) + 1
    kept_by = np.full(len(order), -1, np.int64)
    similarity = np.full(len(order), np.nan)
    compared = verified = again = 0
    for start, end in zip([0, *borders.tolist()], [*borders.tolist(), len(order)], strict=True):
        verdicts = _decide(candidates, order[start:end], threshold)
        kept_by[start:end] = np.where(verdicts.kept_by < 0, -1, verdicts.kept_by + start)
        similarity[start:end] = verdicts.similarity
        compared += verdicts.compared
        verified += verdicts.similar
        again += verdicts.looked_again
    gone = kept_by >= 0
    documents = candidates.documents[order]
    decisions = Decisions(
        documents[gone], documents[kept_by[gone]], similarity[gone], components[gone]
    )
    return decisions, Counts(compared, verified, again)


def _decide(candidates: Candidates, members: I64, threshold: float) -> Verdicts:
    """One component, its members in survivor order."""
    if threshold > 0:
        starts, ends = candidates.offsets[members], candidates.offsets[members + 1]
        return decide_greedily(candidates.values, starts, ends, threshold)
    kept_by = np.zeros(len(members), np.int64)
    kept_by[:1] = -1
    return Verdicts(kept_by, np.full(len(members), np.nan), 0, 0)
