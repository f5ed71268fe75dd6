"""Rules: what each removed, histograms of its column, and documents from both sides of its
borders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.columns import Bounds, outside
from dolma_pipe.kernels.jit import F64, Bool
from dolma_pipe.recipe import FILTER_STAGES, Rule
from dolma_pipe.report.page.bins import bins_of, edges_of
from dolma_pipe.report.page.column_help import help_of
from dolma_pipe.report.page.excerpts import Choice, Draft, choice_of
from dolma_pipe.report.page.model import RulePanel, SourceBins
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.report.summary import Summary

EACH = 3
"""Examples on each side of a border."""
MANY = 40
"""Panels, above which there are fewer examples."""


class Values(NamedTuple):
    """Of a rule's column in one source: float64[documents of the sample], NaN for none."""

    sample: Sample
    of: F64


def drafts_of(samples: Sequence[Sample], summary: Summary) -> list[Draft[RulePanel]]:
    """Every rule once, in the order of stages and of the recipe, with the choice of examples."""
    having: dict[Rule, list[Sample]] = {}
    for stage in FILTER_STAGES:
        for sample in samples:
            for rule in sample.source.rules:
                if rule.stage == stage:
                    having.setdefault(rule, []).append(sample)
    each = max(1, EACH - len(having) // MANY)
    made = []
    for rule, some in having.items():
        values = [Values(sample, sample.numbers(rule.column)) for sample in some]
        made.append(Draft(_panel(rule, values, summary), tuple(_choices(rule, values, each))))
    return made


def _panel(rule: Rule, values: Sequence[Values], summary: Summary) -> RulePanel:
    """Without examples; what it removed is exact."""
    bounds = Bounds(rule.minimum, rule.maximum)
    edges = edges_of(np.concatenate([found for _, found in values]), bounds)
    documents = {row.source: row.documents for row in summary.intake}
    named = {sample.source.name: found for sample, found in values}
    scored = {sample.source.name: sample.scored(rule.column) for sample, _ in values}
    return RulePanel(
        stage=rule.stage,
        column=rule.column,
        minimum=rule.minimum,
        maximum=rule.maximum,
        help=help_of(values[0].sample.source, rule.column),
        removed={
            flow.source: flow.dropped.get(rule.column, 0)
            for flow in summary.flows
            if flow.stage == rule.stage and flow.source in named
        },
        would={name: int((scored[name] & outside(of, bounds)).sum()) for name, of in named.items()},
        scored={name: int(seen.sum()) for name, seen in scored.items()},
        histograms=tuple(
            SourceBins(name, len(found), documents.get(name, 0), bins_of(found, edges, bounds))
            for name, found in named.items()
        ),
        examples=(),
        borders=edges.borders,
    )


def _choices(rule: Rule, values: Sequence[Values], each: int) -> Iterator[Choice]:
    """Nearest to each border on both of its sides, by value."""
    found: dict[tuple[str, int], Choice] = {}
    for border, below in ((rule.minimum, False), (rule.maximum, True)):
        if border is not None:
            for choice in _nearest(rule, values, border, each, kept=True):
                found.setdefault(choice.key, choice)
            for choice in _nearest(rule, values, border, each, kept=False, above=below):
                found.setdefault(choice.key, choice)
    yield from sorted(found.values(), key=lambda choice: (choice.value, choice.key))


def _nearest(
    rule: Rule,
    values: Sequence[Values],
    border: float,
    each: int,
    *,
    kept: bool,
    above: bool = False,
) -> list[Choice]:
    """Those whose texts can be read go before the others; of documents as near, each source gives
    one before another gives a second. above: of those that are not kept, on which side they lie."""
    ranked = []
    for place, (sample, of) in enumerate(values):
        there: Bool = np.isfinite(of)
        inside = ~outside(of, Bounds(rule.minimum, rule.maximum))
        there &= inside if kept else ~inside & (of > border if above else of < border)
        rows = np.flatnonzero(there)
        distances, legible = np.abs(of[rows] - border), sample.legible[rows]
        best = np.lexsort((rows, distances, ~legible))[:each]
        for rank, one in enumerate(best.tolist()):
            order = (not legible[one], float(distances[one]), rank, place)
            ranked.append((order, sample, int(rows[one]), float(of[rows[one]])))
    chosen = sorted(ranked, key=lambda one: one[0])[:each]
    return [
        choice_of(sample, row, value, _counted(sample, rule.column))
        for _, sample, row, value in chosen
    ]


def _counted(sample: Sample, column: str) -> tuple[str, ...]:
    """Columns of spans of the tagger whose column this is: mostly it counts them."""
    prefix = f"{column.partition('.')[0]}."
    return tuple(
        name for name, kind in sample.columns.items() if kind == "spans" and name.startswith(prefix)
    )
