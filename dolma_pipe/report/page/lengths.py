"""Tokens a document of the output, from a sample, and what packing into instances would waste."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import UserError
from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.bins import bins_of, edges_of
from dolma_pipe.report.page.model import Lengths, Packing
from dolma_pipe.report.page.sample import spread
from dolma_pipe.stages.mix.plan import HELD_OUT, Plan, SourcePlan, copies_path
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.tokens.packing_plan import plan_names, read_plan
from dolma_pipe.work import is_remote, read_range

SHARDS = 32
"""Of a source, evenly."""
DOCUMENTS = 200_000
"""Of a source: the first of each of these shards."""
PACKED = 20_000
"""Documents that are packed for an estimate, evenly from the sample of all sources."""
COPIES = 2_000_000
"""Of a source, of all repeats together."""
INSTANCES = (2048, 4096)


class Sampled(NamedTuple):
    """Encoded documents of a source: tokens and copies in the output, int64[documents] each."""

    source: SourcePlan
    tokens: I64
    copies: I64

    @property
    def expanded(self) -> I64:
        """Tokens of every copy; of more than COPIES an even choice."""
        ends = np.cumsum(self.copies)
        total = int(ends[-1]) if len(ends) else 0
        shown = min(total, COPIES)
        ranks = ((np.arange(shown) + 0.5) * total / max(1, shown)).astype(np.int64)
        return np.asarray(self.tokens[np.searchsorted(ends, ranks, "right")], np.int64)


def sampled_lengths(run: FinishedRun, plan: Plan) -> list[Sampled]:
    """Of every source of the plan."""
    found = []
    for source in plan.sources:
        some = spread(source.shards, SHARDS)
        parts = [_shard(run, shard.key, -(-DOCUMENTS // len(some))) for shard in some]
        joined = np.concatenate([np.zeros((2, 0), np.int64), *parts], axis=1)
        found.append(Sampled(source, joined[0], joined[1]))
    return found


def _shard(run: FinishedRun, key: str, most: int) -> I64:
    """int64[2, documents]: tokens and copies of its first documents."""
    record = run.manifest.shards.get(key, {}).get("encode")
    if record is None or not record["counts"]["documents"]:
        return np.zeros((2, 0), np.int64)
    offsets = Path(f"{run.work.encoded(key)}.offsets.u64")
    try:
        ends = np.frombuffer(read_range(offsets, 0, 8 * (most + 1)), "<u8").astype(np.int64)
        copies = np.frombuffer(read_range(copies_path(run.work, key), 0, 2 * most), "<u2")
    except FileNotFoundError:
        return np.zeros((2, 0), np.int64)
    used = np.where(copies == HELD_OUT, 0, copies).astype(np.int64)
    count = min(len(used), len(ends) - 1)
    return np.stack([np.diff(ends)[:count], used[:count]])


def lengths_of(sampled: Sequence[Sampled]) -> Iterator[Lengths]:
    """By source, with the same edges for all."""
    values: list[F64] = [one.expanded.astype(np.float64) for one in sampled]
    if not sum(map(len, values)):
        return
    edges = edges_of(np.concatenate(values))
    for one, tokens in zip(sampled, values, strict=True):
        if len(tokens):
            yield Lengths(
                source=one.source.name,
                documents=one.source.output.documents,
                tokens=one.source.output.tokens,
                median=float(np.median(tokens)),
                longest=int(tokens.max()),
                bins=bins_of(tokens, edges),
                shown=len(tokens),
            )


def packings_of(run: FinishedRun, plan: Plan, sampled: Sequence[Sampled]) -> Iterator[Packing]:
    """The plans that were made of tokens/, and estimates of what there is no plan for."""
    made = list(_made(run))
    yield from made
    tokens = _even(sampled, plan)
    if len(tokens):
        for length in INSTANCES:
            for method in ("best-fit", "concatenate", "padded"):
                if not any((one.method, one.length) == (method, length) for one in made):
                    yield _estimate(method, length, tokens, plan)


def _made(run: FinishedRun) -> Iterator[Packing]:
    folder = run.work.tokens
    if is_remote(folder):  # arrays are packed where they can be mapped
        return
    for name in plan_names(folder):
        try:
            plan = read_plan(TokenArrays(folder), name)
        except UserError:
            continue
        counts = plan.counts
        places = counts.instances * plan.capacity
        cut = counts.split_documents + counts.truncated_documents
        yield Packing(
            name, plan.method, plan.length, counts.instances, counts.padding / max(1, places), cut
        )


def _even(sampled: Sequence[Sampled], plan: Plan) -> I64:
    """Tokens of copies, of each source in proportion to its documents in the output, sorted."""
    total = max(1, plan.output.documents)
    found = [np.zeros(0, np.int64)]
    for one in sampled:
        expanded = np.sort(one.expanded)
        wanted = round(min(total, PACKED) * one.source.output.documents / total)
        if wanted and len(expanded):  # by rank: all quantiles of the sample are in
            ranks = (np.arange(wanted) + 0.5) * len(expanded) / wanted
            found.append(expanded[ranks.astype(np.int64)])
    return np.sort(np.concatenate(found))


def _estimate(method: str, length: int, tokens: I64, plan: Plan) -> Packing:
    """As docs/packing.md counts, of the sample, scaled to the output."""
    capacity, output = length + 1, plan.output
    scale = output.tokens / int(tokens.sum())
    if method == "concatenate":
        instances = max(1, -(-(output.tokens - 1) // length))
        padding = (instances * length + 1 - output.tokens) / (instances * capacity)
        cut = round(float(np.minimum(1.0, (tokens - 1) / length).sum()) * scale)
    else:
        used = (
            _best_fit(tokens, capacity)
            if method == "best-fit"
            else int((-(-tokens // capacity)).sum())
        )
        padding = 1 - int(tokens.sum()) / (used * capacity)
        instances = round(used * scale)
        cut = round(int((tokens > capacity).sum()) * scale)
    name = f"{method}-{length}"
    return Packing(name, method, length, instances, round(padding, 6), cut, estimated=True)


def _best_fit(tokens: I64, capacity: int) -> int:
    """Instances that best-fit decreasing opens: the kernel of `tokens pack`, slow and not
    compiled."""
    instances = int((tokens // capacity).sum())
    rooms: list[int] = []
    for size in np.sort(tokens % capacity)[::-1].tolist():
        if size:
            place = bisect_left(rooms, size)
            if place == len(rooms):
                instances += 1
                room = capacity
            else:
                room = rooms.pop(place)
            if room > size:
                insort(rooms, room - size)
    return instances
