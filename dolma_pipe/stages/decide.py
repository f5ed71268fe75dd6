"""Score a batch and decide: cheap taggers first, the first failing rule of the recipe is the
reason."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.columns import Bounds, Settled, gather, outside, rows_of, scatter, settled
from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64
from dolma_pipe.recipe import Rule
from dolma_pipe.tagger import Kind, Labels, Spans, Tagger

KEPT = -1
COMPACT_BELOW = 0.75
"""A batch is copied without its dropped documents once less than this share of its bytes is
alive."""


class NamedTagger(NamedTuple):
    """A tagger and the prefix of its columns."""

    prefix: str
    tagger: Tagger


class Decided(NamedTuple):
    """What is known of a batch: a value a document in every column, and who dropped it.

    dropped_by: int64[documents], the place of the rule in the recipe, or KEPT.
    """

    columns: dict[str, Settled]
    dropped_by: I64


def by_cost(taggers: Sequence[NamedTagger]) -> list[NamedTagger]:
    """Ascending constant cost; equals stay in the order of the recipe."""
    return sorted(taggers, key=lambda named: named.tagger.cost)


def decide(
    batch: Batch, taggers: Sequence[NamedTagger], rules: Sequence[Rule], score_all: bool = False
) -> Decided:
    """Run the taggers in the given order; what a rule has dropped is not scored further unless
    score_all.

    Which documents are scored never depends on the other documents of the batch.
    """
    total = len(batch)
    columns: dict[str, Settled] = {}
    dropped_by = np.full(total, KEPT, np.int64)
    rows = np.arange(total)
    view = batch
    for prefix, tagger in taggers:
        alive = np.flatnonzero(dropped_by[rows] == KEPT) if not score_all else np.arange(len(rows))
        if _live_share(view, alive) < COMPACT_BELOW:
            rows, view = rows[alive], view.select(alive)
            alive = np.arange(len(rows))
        made: dict[str, Settled] = {}
        for name, scored in _scores(tagger, view).items():
            chosen = gather(scored, alive) if len(alive) < len(rows) else scored
            made[f"{prefix}.{name}"] = scatter(chosen, rows[alive], total)
        _apply(rules, made, rows[alive], dropped_by)
        columns |= made
    return Decided(columns, dropped_by)


def _scores(tagger: Tagger, view: Batch) -> dict[str, Settled]:
    """What the tagger says; it is not asked about no documents."""
    if not len(view):
        return {name: _empty(tagger.kind(name)) for name in tagger.columns()}
    scores = {name: settled(column) for name, column in tagger.tag(view).items()}
    if set(scores) != set(tagger.columns()):
        raise RecipeError(
            f"{type(tagger).__name__}.tag gave the columns {', '.join(scores) or 'none'}, "
            f"announced are {', '.join(tagger.columns())}"
        )
    for name, scored in scores.items():
        if _kind(scored) != tagger.kind(name):
            raise RecipeError(
                f"{type(tagger).__name__}.tag gave {name} as {_kind(scored)}, "
                f"announced as {tagger.kind(name)}"
            )
        if rows_of(scored) != len(view):
            raise RecipeError(
                f"{type(tagger).__name__}.tag gave {rows_of(scored)} values of {name} "
                f"for {len(view)} documents"
            )
    return scores


def _kind(scored: Settled) -> Kind:
    if isinstance(scored, Spans):
        return "spans"
    return "label" if isinstance(scored, Labels) else "number"


def _empty(kind: Kind) -> Settled:
    if kind == "spans":
        none = np.zeros(0, np.int64)
        return Spans(np.zeros(1, np.int64), none, none, np.zeros(0))
    return np.zeros(0) if kind == "number" else Labels(np.zeros(0, np.int32), ())


def _live_share(view: Batch, alive: I64) -> float:
    lengths = np.diff(view.offsets)
    return float(lengths[alive].sum() / max(1, lengths.sum())) if len(alive) else 0.0


def _apply(rules: Sequence[Rule], made: dict[str, Settled], rows: I64, dropped_by: I64) -> None:
    """Evaluate the rules on these columns; the earliest in the recipe stays the reason."""
    for place, rule in enumerate(rules):
        if rule.column not in made:
            continue
        values = made[rule.column]
        assert isinstance(values, np.ndarray)  # the recipe was checked
        failing = rows[outside(values[rows], Bounds(rule.minimum, rule.maximum))]
        earlier = (dropped_by[failing] == KEPT) | (dropped_by[failing] > place)
        dropped_by[failing[earlier]] = place
