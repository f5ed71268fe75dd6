"""Histograms of the columns that rules decide on, of both runs between the same edges."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.columns import Bounds
from dolma_pipe.recipe import FILTER_STAGES, FilterStage
from dolma_pipe.report.comparison.model import BothBins, Overlay
from dolma_pipe.report.page.bins import bins_of, edges_of
from dolma_pipe.report.page.sample import Sample

Samples = Mapping[str, Sample]
"""Of a run, by source."""


class _Key(NamedTuple):
    """What one chart is about: sources that have another range have another one."""

    stage: FilterStage
    column: str
    before: Bounds | None
    after: Bounds | None


def overlays_of(a: Sequence[Sample], b: Sequence[Sample]) -> list[Overlay]:
    """Every rule of A or B once, by stage."""
    runs = {s.source.name: s for s in a}, {s.source.name: s for s in b}
    having: dict[_Key, list[str]] = {}
    for source in dict.fromkeys([*runs[0], *runs[1]]):
        for key in _keys(*(run.get(source) for run in runs)):
            having.setdefault(key, []).append(source)
    order = sorted(having, key=lambda key: FILTER_STAGES.index(key.stage))
    return [_overlay(key, having[key], runs) for key in order]


def _keys(a: Sample | None, b: Sample | None) -> Iterator[_Key]:
    ranges = [_ranges(one) for one in (a, b)]
    for stage, column in dict.fromkeys([*ranges[0], *ranges[1]]):
        yield _Key(stage, column, *(told.get((stage, column)) for told in ranges))


def _ranges(sample: Sample | None) -> dict[tuple[FilterStage, str], Bounds]:
    rules = sample.source.rules if sample else ()
    return {(rule.stage, rule.column): Bounds(rule.minimum, rule.maximum) for rule in rules}


def _overlay(key: _Key, sources: Sequence[str], runs: tuple[Samples, Samples]) -> Overlay:
    values = [
        [run[name].numbers(key.column) if name in run else np.zeros(0) for name in sources]
        for run in runs
    ]
    every = np.concatenate([*values[0], *values[1]])
    ranges = [key.before or Bounds(None, None), key.after or Bounds(None, None)]
    lows = [one.minimum for one in ranges if one.minimum is not None]
    highs = [one.maximum for one in ranges if one.maximum is not None]
    edges = edges_of(every, Bounds(min(lows, default=None), max(highs, default=None)))
    lines = [edges_of(every, one).borders for one in ranges]
    return Overlay(
        stage=key.stage,
        column=key.column,
        before=key.before,
        after=key.after,
        borders=(lines[0], lines[1]),
        histograms=tuple(
            BothBins(name, bins_of(one, edges), bins_of(other, edges))
            for name, one, other in zip(sources, *values, strict=True)
        ),
    )
