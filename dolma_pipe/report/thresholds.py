"""What other bounds of a rule would keep, from stored attributes: the answer of `dolma-pipe
sweep`."""

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.columns import Bounds, outside
from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import F64, I64, Bool
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.report.tagged import (
    TaggedShard,
    nothing_tagged,
    outdated,
    tagged_shards,
)
from dolma_pipe.settings import nearest
from dolma_pipe.stages.reread import reader_of, reread
from dolma_pipe.stored import Group
from dolma_pipe.work import Work, address

Side = Literal["min", "max"]
EXAMPLES = 3
EXCERPT = 100
"""Code points of a text that are shown."""


class Amount(msgspec.Struct):
    """So much text; bytes are those of it in UTF-8."""

    documents: int = 0
    bytes: int = 0

    def add(self, chosen: Bool, sizes: I64) -> None:
        self.documents += int(chosen.sum())
        self.bytes += int(sizes[chosen].sum())


class Threshold(msgspec.Struct):
    """One bound. alone: kept by this rule; together: by it and all others.

    change: documents that come (or, below 0, go) against the recipe's own bounds, of `together`.
    unknown: documents that some rule may keep or drop, they were not scored.
    """

    at: float | None
    alone: Amount
    together: Amount
    unknown: Amount
    change: int = 0


class Example(msgspec.Struct):
    """A document next to a threshold."""

    id: str
    shard: str
    line: int
    value: float
    text: str = ""


class Border(msgspec.Struct):
    """Documents nearest to a threshold: the last that it keeps, the first that it drops."""

    at: float
    inside: list[Example]
    outside: list[Example]


class Swept(msgspec.Struct):
    """A source, or all of them ("all").

    without_score: documents that the column has nothing to say of; not_scored: those that a rule
    had dropped before they were scored, of which `alone` counts none.
    """

    source: str
    documents: int
    bytes: int
    without_score: int
    not_scored: int
    present: Threshold
    thresholds: list[Threshold]
    borders: list[Border]


class Sweep(msgspec.Struct):
    """The whole answer. untagged: shards without attributes, which are not counted; outdated:
    columns that some shard has scores of which today's recipe would not give.
    """

    column: str
    side: Side
    sources: list[Swept]
    untagged: list[str]
    outdated: list[str]


class _Near(NamedTuple):
    """An example in a heap: the farthest lies on top, of equals the last that came."""

    nearness: float
    place: int
    example: Example


def sweep_rule(
    recipe: Recipe,
    recipe_path: Path,
    work: Work,
    column: str,
    at: Sequence[float],
    side: Side | None = None,
    source: str | None = None,
) -> Sweep:
    """Count what each bound would keep, by source and in all.

    side: which bound `at` is; by default the one that the recipe's rule has. Raises WorkError where
    nothing is tagged, RecipeError where no source has the column.
    """
    sources = recipe.chosen([source] if source else [])
    shards = list(tagged_shards(work, sources))
    if not shards:
        raise nothing_tagged(recipe_path, work)
    known = {name for s in shards for name, kind in s.stored.columns.items() if kind == "number"}
    if column not in known:
        raise RecipeError(
            f"no number called {column} is stored in {address(work.root)}{nearest(column, known)}"
        )
    side = side or _side(column, sources)
    tagged = {s.shard.key for s in shards}
    counted = [
        _Counter(one, column, at, side).swept([s for s in shards if s.source.name == one.name])
        for one in sources
        if any(s.source.name == one.name and column in s.stored.columns for s in shards)
    ]
    if len(counted) > 1:
        counted.append(_total(counted))
    judged = {column, *(rule.column for one in sources for rule in one.rules)}
    result = Sweep(
        column,
        side,
        counted,
        [shard.key for one in sources for shard in one.inputs if shard.key not in tagged],
        sorted(set().union(*map(outdated, shards)) & judged),
    )
    _fill_texts(recipe, shards, result)
    return result


def _side(column: str, sources: Sequence[Source]) -> Side:
    """The bound that a rule on the column has, the minimum where it has both.

    Raises RecipeError where no source has a rule on it.
    """
    rules = [rule for one in sources for rule in one.rules if rule.column == column]
    sides = {"min" for rule in rules if rule.minimum is not None}
    sides |= {"max" for rule in rules if rule.maximum is not None}
    if not sides:
        raise RecipeError(f"{column} has no rule: say --min or --max")
    return "min" if "min" in sides else "max"


class _Counter:
    """Counts of one source."""

    def __init__(self, source: Source, column: str, at: Sequence[float], side: Side) -> None:
        self.source = source
        self.column = column
        self.at = at
        self.side = side
        self.present = next((rule for rule in source.rules if rule.column == column), None)
        self.others = [rule for rule in source.rules if rule.column != column]
        self.inside: list[list[_Near]] = [[] for _ in at]
        self.outside: list[list[_Near]] = [[] for _ in at]
        self.seen = 0

    def swept(self, shards: Sequence[TaggedShard]) -> Swept:
        """All shards of the source."""
        present, *thresholds = [
            Threshold(t, Amount(), Amount(), Amount()) for t in (None, *self.at)
        ]
        every, without, unscored = Amount(), 0, 0
        for shard in shards:
            for group in shard.stored.groups(self._columns(shard)):
                sizes = group.sizes
                values, scored = _read(group, self.column)
                every.add(np.ones(len(group), np.bool_), sizes)
                without += int((scored & np.isnan(values)).sum())
                unscored += int((~scored).sum())
                fates = self._others(group)
                for threshold, bounds in zip(
                    (present, *thresholds), (self._own(), *map(self._bounds, self.at)), strict=True
                ):
                    _count(threshold, bounds, values, scored, fates, sizes)
                self._near(shard.shard.key, group, values, scored)
        for threshold in thresholds:
            threshold.change = threshold.together.documents - present.together.documents
        borders = [
            Border(t, _nearest(inside), _nearest(outside))
            for t, inside, outside in zip(self.at, self.inside, self.outside, strict=True)
        ]
        return Swept(
            self.source.name,
            every.documents,
            every.bytes,
            without,
            unscored,
            present,
            thresholds,
            borders,
        )

    def _columns(self, shard: TaggedShard) -> list[str]:
        wanted = [self.column, *(rule.column for rule in self.others)]
        return [name for name in wanted if name in shard.stored.columns]

    def _own(self) -> Bounds:
        rule = self.present
        return Bounds(rule.minimum, rule.maximum) if rule else Bounds(None, None)

    def _bounds(self, at: float) -> Bounds:
        """The rule with this bound; its other one stays."""
        own = self._own()
        return Bounds(at, own.maximum) if self.side == "min" else Bounds(own.minimum, at)

    def _others(self, group: Group) -> tuple[Bool, Bool]:
        """Which documents another rule drops, and of which one or more does not know."""
        dropped = np.zeros(len(group), np.bool_)
        unknown = np.zeros(len(group), np.bool_)
        for rule in self.others:
            values, scored = _read(group, rule.column)
            dropped |= scored & outside(values, Bounds(rule.minimum, rule.maximum))
            unknown |= ~scored
        return dropped, unknown & ~dropped

    def _near(self, shard: str, group: Group, values: F64, scored: Bool) -> None:
        """Keep the examples next to each threshold, the first of equals."""
        there = np.flatnonzero(scored & ~np.isnan(values))
        for k, at in enumerate(self.at):
            kept = values[there] >= at if self.side == "min" else values[there] <= at
            for heap, chosen in ((self.inside[k], there[kept]), (self.outside[k], there[~kept])):
                distances = np.abs(values[chosen] - at)
                best = np.argsort(distances, kind="stable")[:EXAMPLES]
                for row, distance in zip(
                    chosen[best].tolist(), distances[best].tolist(), strict=True
                ):
                    if len(heap) == EXAMPLES and -heap[0].nearness <= distance:
                        continue
                    told = Example(
                        group.rows.column("id")[row].as_py(),
                        shard,
                        group.rows.column("line")[row].as_py(),
                        float(values[row]),
                    )
                    push = heapq.heappush if len(heap) < EXAMPLES else heapq.heapreplace
                    self.seen += 1
                    push(heap, _Near(-distance, -self.seen, told))


def _nearest(heap: list[_Near]) -> list[Example]:
    ordered = sorted(heap, key=lambda near: (-near.nearness, near.example.shard, near.example.line))
    return [near.example for near in ordered]


def _read(group: Group, column: str) -> tuple[F64, Bool]:
    """Values and which documents were scored; a column that is not stored was not."""
    if column not in group.places:
        return np.full(len(group), np.nan), np.zeros(len(group), np.bool_)
    return group.numbers(column), group.scored(column)


def _count(
    threshold: Threshold,
    bounds: Bounds,
    values: F64,
    scored: Bool,
    fates: tuple[Bool, Bool],
    sizes: I64,
) -> None:
    """Add a batch to a threshold. fates: dropped by others, unknown to others."""
    if bounds == Bounds(None, None):  # no rule keeps what has no score, too
        kept = np.ones(len(values), np.bool_)
        open_ = np.zeros(len(values), np.bool_)
    else:
        kept = scored & ~outside(values, bounds)
        open_ = ~scored
    dropped, unknown = fates
    threshold.alone.add(kept, sizes)
    threshold.together.add(kept & ~dropped & ~unknown, sizes)
    threshold.unknown.add((kept | open_) & ~dropped & (unknown | open_), sizes)


def _total(counted: Sequence[Swept]) -> Swept:
    """All sources together; examples stay with their sources."""
    return Swept(
        "all",
        sum(one.documents for one in counted),
        sum(one.bytes for one in counted),
        sum(one.without_score for one in counted),
        sum(one.not_scored for one in counted),
        _added([one.present for one in counted]),
        [_added([one.thresholds[k] for one in counted]) for k in range(len(counted[0].thresholds))],
        [],
    )


def _added(rows: Sequence[Threshold]) -> Threshold:
    def amount(name: str) -> Amount:
        amounts: list[Amount] = [getattr(row, name) for row in rows]
        return Amount(sum(a.documents for a in amounts), sum(a.bytes for a in amounts))

    change = sum(row.change for row in rows)
    return Threshold(rows[0].at, amount("alone"), amount("together"), amount("unknown"), change)


def _fill_texts(recipe: Recipe, shards: Sequence[TaggedShard], result: Sweep) -> None:
    """Read the beginnings of the examples' texts, each shard once and no further than needed."""
    wanted: dict[str, dict[int, list[Example]]] = {}
    for example in _examples(result):
        wanted.setdefault(example.shard, {}).setdefault(example.line, []).append(example)
    for shard in shards:
        lines = wanted.get(shard.shard.key, {})
        given = reread(recipe, shard.source, shard.shard)
        for batch in reader_of(given) if lines else ():
            numbers = batch.documents.column("line").to_numpy()
            for line in [line for line in lines if line <= numbers[-1]]:
                row = int(np.searchsorted(numbers, line))
                if numbers[row] == line:
                    text = batch.documents.column("text")[row].as_py()
                    for example in lines[line]:
                        example.text = text[:EXCERPT]
                del lines[line]
            if not lines:
                break


def _examples(result: Sweep) -> Iterator[Example]:
    for one in result.sources:
        for border in one.borders:
            yield from border.inside
            yield from border.outside
