"""Rules: what each removed, histograms of its column, and documents from both sides of its
borders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.columns import Bounds, outside
from dolma_pipe.kernels.jit import Bool
from dolma_pipe.recipe import FILTER_STAGES, Rule
from dolma_pipe.report.page.bins import bins_of, edges_of
from dolma_pipe.report.page.column_help import help_of
from dolma_pipe.report.page.excerpts import Choice, Shown, example_of
from dolma_pipe.report.page.hidden import hidden_columns
from dolma_pipe.report.page.model import RulePanel, SourceBins
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.report.summary import Summary

EACH = 3
"""Examples on each side of a border."""
MANY = 40
"""Panels, above which there are fewer examples."""


class Draft(NamedTuple):
    """A rule with the samples of the sources that have it, and what is to be shown of them."""

    rule: Rule
    samples: tuple[Sample, ...]
    choices: tuple[Choice, ...]

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.rule.minimum, self.rule.maximum)


def drafts_of(samples: Sequence[Sample]) -> list[Draft]:
    """Every rule once, in the order of stages and of the recipe, with the choice of examples."""
    having: dict[Rule, list[Sample]] = {}
    for stage in FILTER_STAGES:
        for sample in samples:
            for rule in sample.source.rules:
                if rule.stage == stage:
                    having.setdefault(rule, []).append(sample)
    each = max(1, EACH - len(having) // MANY)
    return [Draft(rule, tuple(of), tuple(_choices(rule, of, each))) for rule, of in having.items()]


def panel_of(draft: Draft, summary: Summary, shown: Shown) -> RulePanel:
    """The rule as the page shows it; what it removed is exact."""
    rule, bounds = draft.rule, draft.bounds
    values = [sample.numbers(rule.column) for sample in draft.samples]
    edges = edges_of(np.concatenate(values), bounds)
    documents = {row.source: row.documents for row in summary.intake}
    names = [sample.source.name for sample in draft.samples]
    scored = [sample.scored(rule.column) for sample in draft.samples]
    would = [(s & outside(found, bounds)).sum() for s, found in zip(scored, values, strict=True)]
    return RulePanel(
        stage=rule.stage,
        column=rule.column,
        minimum=rule.minimum,
        maximum=rule.maximum,
        help=help_of(draft.samples[0].source, rule.column),
        removed={
            flow.source: flow.dropped.get(rule.column, 0)
            for flow in summary.flows
            if flow.stage == rule.stage and flow.source in names
        },
        would=dict(zip(names, map(int, would), strict=True)),
        scored={name: int(s.sum()) for name, s in zip(names, scored, strict=True)},
        histograms=tuple(
            SourceBins(name, len(found), documents.get(name, 0), bins_of(found, edges, bounds))
            for name, found in zip(names, values, strict=True)
        ),
        examples=tuple(example_of(choice, shown) for choice in draft.choices),
        borders=edges.borders,
    )


def _choices(rule: Rule, samples: Sequence[Sample], each: int) -> Iterator[Choice]:
    """Nearest to each border on both of its sides, by value."""
    found: dict[tuple[str, int], Choice] = {}
    for border, below in ((rule.minimum, False), (rule.maximum, True)):
        if border is not None:
            for choice in _nearest(rule, samples, border, each, kept=True):
                found.setdefault(choice.key, choice)
            for choice in _nearest(rule, samples, border, each, kept=False, above=below):
                found.setdefault(choice.key, choice)
    yield from sorted(found.values(), key=lambda choice: (choice.value, choice.key))


def _nearest(
    rule: Rule,
    samples: Sequence[Sample],
    border: float,
    each: int,
    *,
    kept: bool,
    above: bool = False,
) -> list[Choice]:
    """Those whose texts can be read go before the others; of documents as near, each source gives
    one before another gives a second. above: of those that are not kept, on which side they lie."""
    ranked = []
    for place, sample in enumerate(samples):
        values = sample.numbers(rule.column)
        there: Bool = np.isfinite(values)
        inside = ~outside(values, Bounds(rule.minimum, rule.maximum))
        there &= inside if kept else ~inside & (values > border if above else values < border)
        rows = np.flatnonzero(there)
        distances, legible = np.abs(values[rows] - border), sample.legible[rows]
        best = np.lexsort((rows, distances, ~legible))[:each]
        for rank, one in enumerate(best.tolist()):
            order = (not legible[one], float(distances[one]), rank, place)
            ranked.append((order, sample, int(rows[one]), float(values[rows[one]])))
    chosen = sorted(ranked, key=lambda one: one[0])[:each]
    return [_choice(sample, row, value, rule.column) for _, sample, row, value in chosen]


def _choice(sample: Sample, row: int, value: float, column: str) -> Choice:
    """Where a column counts spans of its tagger, those are marked."""
    [place] = sample.places([row])
    prefix = column.partition(".")[0]
    marked = [
        name
        for name, kind in sample.columns.items()
        if kind == "spans" and name.partition(".")[0] == prefix
    ]
    hidden = hidden_columns(sample)
    return Choice(sample.source, place, value, bool(sample.legible[row]), tuple(marked), hidden)
