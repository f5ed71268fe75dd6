"""Score a batch and decide: cheap taggers first, the first failing rule of the recipe is the
reason. Scores that are known already are used, and never change a decision."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.columns import (
    Bounds,
    Settled,
    gather,
    outside,
    overlaid,
    rows_of,
    scatter,
    settled,
)
from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.recipe import Rule
from dolma_pipe.tagger import Kind, Labels, Spans, Tagger

KEPT = -1
COMPACT_BELOW = 0.75
"""A batch is copied without its dropped documents once less than this share of its bytes is
alive."""


class NamedTagger(NamedTuple):
    """A tagger and the prefix of its columns.

    asked: False where only scores that are known count; where there is none, no rule applies.
    """

    prefix: str
    tagger: Tagger
    fingerprint: str = ""
    asked: bool = True

    def columns(self) -> tuple[str, ...]:
        """Names of its columns, with the prefix."""
        return tuple(f"{self.prefix}.{name}" for name in self.tagger.columns())


class Known(NamedTuple):
    """Scores from an earlier run: all columns of a tagger, or none of them.

    scored: bool[documents] of each tagger, in the order in which they run.
    """

    columns: dict[str, Settled]
    scored: list[Bool]

    def of(self, rows: I64) -> "Known":
        """What is known of these documents."""
        columns = {name: gather(column, rows) for name, column in self.columns.items()}
        return Known(columns, [documents[rows] for documents in self.scored])


class Decided(NamedTuple):
    """What is known of a batch: a value a document in every column, and who dropped it.

    dropped_by: int64[documents], the place of the rule in the recipe, or KEPT. scored: as in Known.
    """

    columns: dict[str, Settled]
    dropped_by: I64
    scored: list[Bool]


class Foreseen(NamedTuple):
    """What known scores say: wanted, bool[documents], are those that survive or reach a tagger
    that has not scored them; dropped_by holds for all others."""

    dropped_by: I64
    wanted: Bool


def by_cost(taggers: Sequence[NamedTagger]) -> list[NamedTagger]:
    """Ascending constant cost; equals stay in the order of the recipe."""
    return sorted(taggers, key=lambda named: named.tagger.cost)


def foresee(
    known: Known,
    total: int,
    taggers: Sequence[NamedTagger],
    rules: Sequence[Rule],
    score_all: bool = False,
) -> Foreseen:
    """As far as decide() gets with known scores alone: no text is needed."""
    dropped_by = np.full(total, KEPT, np.int64)
    wanted = np.zeros(total, np.bool_)
    for named, has in zip(taggers, known.scored, strict=True):
        turn = np.full(total, True) if score_all else (dropped_by == KEPT) & ~wanted
        if named.asked:
            wanted |= turn & ~has
        made = {name: known.columns[name] for name in named.columns() if name in known.columns}
        _apply(rules, made, np.flatnonzero(turn & has), dropped_by)
    return Foreseen(dropped_by, wanted | (dropped_by == KEPT))


def decide(
    batch: Batch,
    taggers: Sequence[NamedTagger],
    rules: Sequence[Rule],
    score_all: bool = False,
    known: Known | None = None,
) -> Decided:
    """Run the taggers in the given order, over documents that they have not scored; what a rule
    has dropped is not scored further unless score_all.

    A rule on a column counts where a run that knew nothing would have computed it, so that what is
    known decides nothing. Which documents are scored never depends on the others of the batch.
    """
    total = len(batch)
    known = known or Known({}, [np.zeros(total, np.bool_)] * len(taggers))
    columns: dict[str, Settled] = {}
    scored: list[Bool] = []
    dropped_by = np.full(total, KEPT, np.int64)
    views = _Views(batch)
    for named, has in zip(taggers, known.scored, strict=True):
        turn = np.full(total, True) if score_all else dropped_by == KEPT
        need = turn & ~has if named.asked else np.zeros(total, np.bool_)
        made = {name: known.columns[name] for name in named.columns() if name in known.columns}
        if not made or need.any():
            made = _scored(named, views, need, has, made)
        _apply(rules, made, np.flatnonzero(turn & (has | need)), dropped_by)
        columns |= made
        scored.append(has | need)
    return Decided(columns, dropped_by, scored)


def _scored(
    named: NamedTagger, views: "_Views", need: Bool, has: Bool, known: dict[str, Settled]
) -> dict[str, Settled]:
    """The tagger's columns: what it says of the documents in need, over what is known."""
    rows, view = views.of(need, has)
    chosen, places = np.flatnonzero(need[rows]), np.flatnonzero(need)
    made: dict[str, Settled] = {}
    for name, column in _scores(named.tagger, view).items():
        values = gather(column, chosen) if len(chosen) < len(rows) else column
        full = f"{named.prefix}.{name}"
        if full in known:
            made[full] = overlaid(known[full], values, places)
        else:
            made[full] = scatter(values, places, len(need))
    return made


class _Views:
    """The batch as taggers see it: copied without most of the documents that they need not score,
    and shared by taggers as long as little of it is in vain, so that it is split into words once.
    """

    def __init__(self, batch: Batch) -> None:
        self._whole = np.arange(len(batch)), batch
        self._last = self._whole

    def of(self, need: Bool, has: Bool) -> tuple[I64, Batch]:
        """Rows of the batch, and a batch of them that holds all documents in need, none that has
        its scores, and few others."""
        base = self._last if need[self._last[0]].sum() == need.sum() else self._whole
        rows, view = base
        inside = np.flatnonzero(need[rows])
        if _live_share(view, inside) < COMPACT_BELOW or has[rows].any():
            base = rows[inside], view.select(inside)
        if len(inside):
            self._last = base
        return base


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
    """Evaluate the rules on these columns and rows; the earliest in the recipe stays the reason."""
    for place, rule in enumerate(rules):
        if rule.column not in made:
            continue
        values = made[rule.column]
        assert isinstance(values, np.ndarray)  # the recipe was checked
        failing = rows[outside(values[rows], Bounds(rule.minimum, rule.maximum))]
        earlier = (dropped_by[failing] == KEPT) | (dropped_by[failing] > place)
        dropped_by[failing[earlier]] = place
