"""What happened, in numbers: documents and bytes in and out of every stage and source, and why
they left."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curated import CuratedInput
from dolma_pipe.passes.dedup import Deduplicated
from dolma_pipe.passes.encode import EncodedInput
from dolma_pipe.recipe import FILTER_STAGES, Source
from dolma_pipe.stages.mix.plan import Plan
from dolma_pipe.work import address

DAMAGE = ("truncated", "corrupt compression")


class Flow(msgspec.Struct):
    """One source through one stage. bytes: of text. dropped: rule or method -> documents.

    A method that occurs twice in the recipe is told by entry: "minhash (2)". cut_bytes: of
    documents that stayed, taken out by deduplication.
    """

    stage: str
    source: str
    documents_in: int
    documents_out: int
    bytes_in: int
    bytes_out: int
    dropped: dict[str, int]
    cut_bytes: int = 0


class Intake(msgspec.Struct):
    """What a source brought: lines = documents + quarantined."""

    source: str
    shards: int
    lines: int
    documents: int
    bytes: int
    quarantined: int
    repaired: int
    reasons: dict[str, int]
    masked_documents: int
    masked_spans: dict[str, int]


class MixRow(msgspec.Struct):
    """A source in tokens: encoded = used + discarded + over_budget + held_out; repeats count
    apart."""

    source: str
    encoded: int
    used: int
    discarded: int
    over_budget: int
    held_out: int
    repeats: int
    output: int
    share: float


class PassTime(msgspec.Struct):
    """A pass, or a source or dedup entry of it: tasks that ran this time, and what they took.

    peak_bytes: the most that one of them held.
    """

    name: str
    source: str
    tasks: int
    worker_seconds: float
    cpu_seconds: float
    peak_bytes: int
    megabytes_a_second: float | None


class Summary(msgspec.Struct):
    """A run, as report.json has it; times stand apart, in timings.json.

    intake, flows, mix: counts of each source as it was read, at each stage, in tokens/. notes:
    lines of the plan. damaged: files of which an unknown part is missing, and why. failed: shards
    that are not done, and why.
    """

    recipe: str
    intake: list[Intake]
    flows: list[Flow]
    mix: list[MixRow]
    notes: list[str]
    damaged: dict[str, str]
    failed: dict[str, str]


class Ran(Summary, kw_only=True):
    """What `run`, `tag` and `dedup` print with --json: report.json, where it lies, and the times.

    tokens: where the token arrays lie, of a run that made some.
    """

    work: str
    tokens: str | None
    times: list[PassTime]


def ran(context: Context, summary: Summary) -> Ran:
    """The summary with its times and places."""
    return Ran(
        **msgspec.structs.asdict(summary),
        work=address(context.work.root),
        tokens=token_place(context) if summary.mix else None,
        times=pass_times(context, summary),
    )


def token_place(context: Context) -> str:
    """The folder of the token arrays, or its address."""
    tokenize = context.recipe.tokenize
    return f"{(tokenize.output if tokenize else None) or address(context.work.root)}/tokens"


def summarise(
    context: Context,
    curated: list[CuratedInput],
    deduplicated: Deduplicated | None = None,
    encoded: list[EncodedInput] | None = None,
    plan: Plan | None = None,
) -> Summary:
    """Exact counts of what the work directory holds, whenever it was made."""
    intake: list[Intake] = []
    flows: list[Flow] = []
    for source in context.recipe.sources:
        shards = [item for item in curated if item.shard.source == source.name]
        if shards:
            intake.append(_intake(source.name, shards))
            flows += _filter_flows(source, shards)
            if deduplicated is not None and deduplicated.methods:
                flows.append(_dedup_flow(source.name, deduplicated))
    notes = list(plan.notes) if plan else []
    notes += [f"{s.name}: {note}" for s in (plan.sources if plan else ()) for note in s.notes]
    notes += _slowly_encoded(encoded or [])
    notes += _unscored(curated)
    return Summary(
        recipe=context.recipe.name,
        intake=intake,
        flows=sorted(flows, key=lambda flow: _stages().index(flow.stage)),
        mix=_mix_rows(plan) if plan else [],
        notes=notes,
        damaged=_damaged(curated),
        failed={key: failure.text for key, failure in sorted(context.failed.items())},
    )


def _slowly_encoded(encoded: list[EncodedInput]) -> list[str]:
    """Shards that `tokenizers` encoded: a line for each reason, with the first example."""
    reasons: dict[str, list[EncodedInput]] = {}
    for item in encoded:
        if item.fallback:
            reasons.setdefault(item.fallback["reason"], []).append(item)
    lines = []
    for reason, items in reasons.items():
        sources = ", ".join(dict.fromkeys(item.source for item in items))
        examples = ((i.key, i.fallback["example"]) for i in items if i.fallback)
        first = next((f" (first {key}: {told})" for key, told in examples if told), "")
        lines.append(
            f"{len(items):,} of {len(encoded):,} shards ({sources}) encoded by tokenizers, some"
            f" twenty times slower; gigatoken: {reason}{first}"
        )
    return lines


def _unscored(curated: list[CuratedInput]) -> list[str]:
    """Rules that drop documents for having no score: often a field that is not there."""
    found: Counter[tuple[str, str]] = Counter()
    for item in curated:
        for rule, count in item.counts.unscored.items():
            found[item.shard.source, rule] += count
    return [
        f"{source}: {count:,} of the documents that {rule} drops have no such score"
        for (source, rule), count in found.items()
    ]


def counts_of(summary: Summary) -> dict[str, Any]:
    """The counts of all stages before the mix, for the manifest of the token arrays."""
    built: dict[str, Any] = msgspec.to_builtins(summary)
    return {"intake": built["intake"], "flows": built["flows"]}


def pass_times(context: Context, summary: Summary) -> list[PassTime]:
    """Time by pass and source, of what ran this time."""
    return time_rows(context.timings, summary)


def time_rows(timings: Sequence[dict[str, Any]], summary: Summary) -> list[PassTime]:
    """Time by pass and source, of tasks as timings.json has them; megabytes are those of the text
    that the pass reads.

    A pass that took only some shards of a source has no megabytes: which of them it read is not
    told apart.
    """
    shards = {row.source: row.shards for row in summary.intake}
    read = {("curate", row.source): row.bytes for row in summary.intake}
    read |= {("encode", flow.source): flow.bytes_out for flow in summary.flows}  # of the last stage
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for timing in timings:
        name, _, source = timing["pass"].partition(":")[0].partition(" ")  # or "dedup 1 exact"
        if name in ("curate", "encode", "sign"):
            source = timing["task"].partition("/")[0]
        groups.setdefault((name, source), []).append(timing)
    rows = []
    for (name, source), tasks in groups.items():
        seconds = sum(timing["seconds"] for timing in tasks)
        cpu = sum(timing["cpu_seconds"] for timing in tasks)
        whole = len(tasks) == shards.get(source) and (name, source) in read
        rate = read[name, source] / 1e6 / seconds if whole and seconds else None
        peak = max(timing["peak_bytes"] for timing in tasks)
        rows.append(PassTime(name, source, len(tasks), seconds, cpu, peak, rate))
    return rows


def _damaged(curated: list[CuratedInput]) -> dict[str, str]:
    """Shards of which an unknown part is missing."""
    return {
        item.shard.uri: reason
        for item in curated
        for reason in item.counts.quarantine_reasons
        if reason.startswith(DAMAGE)
    }


def _stages() -> tuple[str, ...]:
    return (*FILTER_STAGES, "dedup")


def _intake(source: str, shards: list[CuratedInput]) -> Intake:
    counts = [item.counts for item in shards]
    reasons: dict[str, int] = {}
    spans: dict[str, int] = {}
    for count in counts:
        for reason, number in count.quarantine_reasons.items():
            reasons[reason] = reasons.get(reason, 0) + number
        for column, number in count.masked_spans.items():
            spans[column] = spans.get(column, 0) + number
    lines, bad = sum(c.lines for c in counts), sum(c.quarantined for c in counts)
    return Intake(
        source=source,
        shards=len(shards),
        lines=lines,
        documents=lines - bad,
        bytes=sum(c.bytes for c in counts),
        quarantined=bad,
        repaired=sum(c.repaired for c in counts),
        reasons=reasons,
        masked_documents=sum(c.masked_documents for c in counts),
        masked_spans=spans,
    )


def _filter_flows(source: Source, shards: list[CuratedInput]) -> list[Flow]:
    """Stages 1 to 3: every dropped document left by one rule, and the rules know their stage."""
    counts = [item.counts for item in shards]
    documents = sum(c.lines - c.quarantined for c in counts)
    size = sum(c.bytes for c in counts)
    flows = []
    for stage in FILTER_STAGES:
        rules = [rule.column for rule in source.rules if rule.stage == stage]
        dropped = {rule: sum(c.dropped.get(rule, 0) for c in counts) for rule in rules}
        lost = sum(c.dropped_bytes.get(rule, 0) for c in counts for rule in rules)
        left = documents - sum(dropped.values())
        after = sum(c.kept_bytes for c in counts) if stage == FILTER_STAGES[-1] else size - lost
        flows.append(Flow(stage, source.name, documents, left, size, after, dropped))
        documents, size = left, after
    return flows


def _dedup_flow(source: str, deduplicated: Deduplicated) -> Flow:
    shards = [s for s in deduplicated.shards if s.curated.shard.source == source]
    documents = sum(s.curated.counts.kept for s in shards)
    size = sum(s.curated.counts.kept_bytes for s in shards)
    dropped: dict[str, int] = {}
    for place, method in enumerate(deduplicated.methods):
        twice = deduplicated.methods.count(method) > 1
        name = f"{method} ({place + 1})" if twice else method
        dropped[name] = sum(int(s.removed_documents[place]) for s in shards)
    lost = sum(s.lost_bytes for s in shards)
    left = documents - sum(dropped.values())
    cut = sum(s.cut_bytes for s in shards)
    return Flow("dedup", source, documents, left, size, size - lost, dropped, cut)


def _mix_rows(plan: Plan) -> list[MixRow]:
    total = max(1, plan.output.tokens)
    return [
        MixRow(
            source=source.name,
            encoded=source.available.tokens,
            used=source.used.tokens,
            discarded=source.discarded.tokens,
            over_budget=source.over_budget.tokens,
            held_out=source.held_out.tokens,
            repeats=source.repeats.tokens,
            output=source.output.tokens,
            share=round(source.output.tokens / total, 6),
        )
        for source in plan.sources
    ]
