"""All that report.html shows of a run, gathered from its work directory."""

from collections.abc import Sequence
from typing import Any

import msgspec

from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.layout import counted
from dolma_pipe.report.page import lengths, rules, sample, spans
from dolma_pipe.report.page.columns import columns_of
from dolma_pipe.report.page.duplicates import entries_of
from dolma_pipe.report.page.excerpts import filled, texts_of
from dolma_pipe.report.page.facts import facts_of
from dolma_pipe.report.page.hidden import shown_of
from dolma_pipe.report.page.languages import languages_of
from dolma_pipe.report.page.mixture import mix_of
from dolma_pipe.report.page.model import Page
from dolma_pipe.report.page.recipe_text import recipe_text
from dolma_pipe.report.page.sample import Sample, sample_of
from dolma_pipe.report.page.steps import steps_of
from dolma_pipe.report.summary import Intake, PassTime, Summary, time_rows
from dolma_pipe.stages.mix.plan import Plan
from dolma_pipe.work import read_bytes

LISTED = 50
"""Failed shards, damaged ones, reasons: of more, the first, and how many."""


class _Timings(msgspec.Struct):
    seconds: float
    tasks: list[dict[str, Any]]


def samples_of(run: FinishedRun, columns: frozenset[str] = frozenset()) -> list[Sample]:
    """Of each source. columns: numbers that are wanted beside those of its rules."""
    told = {row.source for row in run.summary.intake}
    return [sample_of(run, one, columns) for one in run.tagged if one.source.name in told]


def page_of(run: FinishedRun, samples: Sequence[Sample] | None = None) -> Page:
    """The page of a run, however far it came: what report.json does not speak of is left out.
    samples: as samples_of gives them, where they are at hand.

    The work and the size of the page do not grow with the corpus. Raises WorkError where the work
    directory is not of this version.
    """
    summary = run.summary
    plan, report = run.plan, run.dedup_report
    samples = samples_of(run) if samples is None else samples
    panels = rules.drafts_of(samples, summary)
    counts = [draft for one in samples for draft in spans.drafts_of(one, summary)]
    chosen = [choice for draft in panels for choice in draft.choices]
    chosen += [choice for draft in counts for choice in draft.choices]
    shown = shown_of(chosen, texts_of(chosen, run.recipe.max_document_bytes))
    sampled = lengths.sampled_lengths(run, plan) if plan else []
    times, seconds = _times(run, summary)
    return Page(
        name=run.recipe.name,
        place=run.place,
        stages=_stages(summary, plan),
        sources=tuple(row.source for row in summary.intake),
        intake=tuple(_bounded(row) for row in summary.intake),
        steps=tuple(steps_of(summary, plan)),
        rules=tuple(filled(draft, shown) for draft in panels),
        columns=tuple(columns_of(samples, summary)),
        languages=tuple(share for one in samples for share in languages_of(one)),
        spans=tuple(filled(draft, shown) for draft in counts),
        dedup=tuple(entries_of(run, report)) if report else (),
        mix=mix_of(plan, run.recipe.mix, summary) if plan else None,
        lengths=tuple(lengths.lengths_of(sampled)),
        packing=tuple(lengths.packings_of(run, plan, sampled)) if plan else (),
        times=times,
        seconds=seconds,
        notes=(*summary.notes, *(why for one in samples for why in one.gone)),
        damaged=_first(summary.damaged),
        failed=_first(summary.failed),
        sampled=_told(samples),
        recipe=recipe_text(run.recipe),
        facts=tuple(facts_of(run)),
    )


def _stages(summary: Summary, plan: Plan | None) -> tuple[str, ...]:
    """Those that were run, in their order."""
    found = dict.fromkeys(flow.stage for flow in summary.flows)
    return (*found, "mix", "tokenize") if plan else tuple(found)


def _times(run: FinishedRun, summary: Summary) -> tuple[tuple[PassTime, ...], float | None]:
    """Of the last run; none where it was killed before it could write them."""
    try:
        told = msgspec.json.decode(read_bytes(run.work.root / "timings.json"), type=_Timings)
    except (FileNotFoundError, msgspec.DecodeError):
        return (), None
    return tuple(time_rows(told.tasks, summary)), told.seconds


def _bounded(row: Intake) -> Intake:
    most = sorted(row.reasons.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in most[LISTED:])
    reasons = dict(most[:LISTED]) | ({"other": rest} if rest else {})
    return msgspec.structs.replace(row, reasons=reasons)


def _first(told: dict[str, str]) -> dict[str, str]:
    more = len(told) - LISTED
    some = dict(list(told.items())[:LISTED])
    return some | ({"…": f"and {more:,} more, see report.json"} if more > 0 else {})


def _told(samples: Sequence[Sample]) -> str:
    documents = sum(one.documents for one in samples)
    shards = sum(len(one.parts) for one in samples)
    return (
        f"Histograms, languages, spans and examples come from {documents:,} documents of"
        f" {counted(shards, 'shard', 'shards')}: of each source some {sample.DOCUMENTS:,} at most"
        f" ({sample.OTHERS:,} for columns without a rule), whole blocks from up to {sample.SHARDS}"
        f" evenly spread shards ({sample.SHARDS_ON_A_STORE} of a work directory on an object"
        " store), the same ones each time. All other counts are exact."
    )
