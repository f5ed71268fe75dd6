"""Lists of documents, a bounded stretch of the run a request: chosen by verdict, column and id, in
the order of the input or of a column."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
import pyarrow.compute as pc

from dolma_pipe.browse.opened import Opened, Shard
from dolma_pipe.browse.pieces import Piece
from dolma_pipe.browse.question import Cursor, Question
from dolma_pipe.columns import Bounds, outside
from dolma_pipe.kernels.jit import F64, I64, Bool
from dolma_pipe.stored import Group
from dolma_pipe.tagger import Labels, Spans

LOOKED = 200_000
"""Documents that a request looks at before it says how far it has come."""


class Row(msgspec.Struct):
    """A document of a list. by: the rule that dropped it, the entry that removed it, why it is
    quarantined. value: of the column that was asked for. excerpt: around what was searched."""

    shard: str
    line: int
    id: str
    bytes: int
    verdict: Literal["kept", "dropped", "duplicate", "quarantined"]
    by: str | None
    cut: bool
    value: float | str | None
    excerpt: list[Piece] = []


class Listing(msgspec.Struct):
    """next: where the list goes on, None at its end. full: whether it stopped for having enough,
    and not for having looked long enough. lines, of: lines of the input up to there and in all;
    shards: of which documents are ordered together, first and last. notes: what could not be
    searched."""

    rows: list[Row]
    next: str | None
    full: bool
    lines: int
    of: int
    shards: tuple[str, str] | None = None
    notes: list[str] = []


class Chosen:
    """Documents of a row group that a question is about, in order."""

    def __init__(self, opened: Opened, shard: Shard, group: Group, asked: Question) -> None:
        self.lines: I64 = group.lines
        self.sizes: I64 = group.sizes
        self.values, self.labels = _values(group, asked.column)
        self._opened, self._shard, self._group = opened, shard, group
        later = opened.later(shard.key)
        self.entry: I64 = np.zeros(len(group), np.int64)
        self.cut: Bool = np.zeros(len(group), np.bool_)
        if later is not None:
            self.entry, self.cut = later.at(self.lines)
        self.kept = group.array("dropped_by").is_null().to_numpy(zero_copy_only=False)
        self.rows: I64 = np.flatnonzero(self._fits(asked))

    def _fits(self, asked: Question) -> Bool:
        fits = _of_verdict(self, asked)
        if asked.verdict == "dropped" and asked.detail:
            by = pc.equal(self._group.array("dropped_by"), asked.detail).fill_null(False)
            fits &= by.to_numpy(zero_copy_only=False)
        bounds = Bounds(asked.minimum, asked.maximum)
        if bounds != Bounds(None, None) or asked.order != "input":
            fits &= ~outside(self.values, bounds)
        if asked.label is not None:
            fits &= np.array([label == asked.label for label in self.labels], np.bool_)
        if asked.name:
            begins = pc.starts_with(self._group.array("id"), asked.name)
            fits &= begins.to_numpy(zero_copy_only=False)
        return fits

    def row(self, row: int) -> Row:
        """As it is told."""
        dropped_by = self._group.rows.column("dropped_by")[row].as_py()
        entry = int(self.entry[row])
        value: float | str | None = self.labels[row] if self.labels else float(self.values[row])
        return Row(
            shard=self._shard.key,
            line=int(self.lines[row]),
            id=self._group.rows.column("id")[row].as_py(),
            bytes=self._group.rows.column("bytes")[row].as_py(),
            verdict="dropped" if dropped_by else "duplicate" if entry > 0 else "kept",
            by=dropped_by or (str(entry) if entry > 0 else None),
            cut=bool(self.cut[row]),
            value=None if value != value else value,  # NaN: it has none
        )


def _of_verdict(chosen: Chosen, asked: Question) -> Bool:
    kept, entry = chosen.kept, chosen.entry
    if asked.verdict == "kept":
        return np.asarray(kept & (entry <= 0))
    if asked.verdict == "cut":
        return np.asarray(kept & chosen.cut)
    if asked.verdict == "dropped":
        return np.asarray(~kept)
    if asked.verdict == "duplicate":
        return np.asarray(kept & (entry == asked.entry if asked.entry else entry > 0))
    return np.ones(len(kept), np.bool_)


def _values(group: Group, column: str) -> tuple[F64, list[str | None]]:
    """Numbers, or how many spans, NaN where a document was not scored; labels, if it is those."""
    values: F64 = np.full(len(group), np.nan)
    if column not in group.places:
        return values, []
    found = group.column(column)
    if isinstance(found, Labels):
        return values, [found.names[code] if code >= 0 else None for code in found.codes]
    if isinstance(found, Spans):
        scored = group.scored(column)
        values[scored] = np.diff(found.offsets)[scored]
        return values, []
    return found, []


def groups(
    opened: Opened, place: int, asked: Question, after: int = 0
) -> Iterator[tuple[Group, Chosen]]:
    """The row groups of a shard behind a line, with what is chosen of them."""
    shard = opened.shards[place]
    stored = opened.attributes(shard.key)
    there = [asked.column] if asked.column in stored.columns else []
    within = {"line": Bounds(after + 1, None)}
    if there and stored.columns[asked.column] == "number":
        within[asked.column] = Bounds(asked.minimum, asked.maximum)
    for group in stored.groups(there, within=within):
        if len(group):
            chosen = Chosen(opened, shard, group, asked)
            chosen.rows = chosen.rows[chosen.lines[chosen.rows] > after]
            yield group, chosen


def hopeless(shard: Shard, asked: Question) -> bool:
    """Whether its counts say that nothing in a shard has the verdict."""
    counts = shard.counts
    if asked.verdict == "dropped":
        return not (counts.dropped.get(asked.detail) if asked.detail else counts.dropped)
    if asked.verdict == "duplicate":
        removed = counts.duplicates
        return not (sum(removed[asked.entry - 1 : asked.entry]) if asked.entry else sum(removed))
    if asked.verdict == "quarantined":
        return not counts.quarantined
    return asked.verdict in ("kept", "cut") and not counts.kept


def shards_from(opened: Opened, asked: Question, at: Cursor) -> Iterator[tuple[int, int]]:
    """Places of the shards that may have something behind a cursor, each with the line behind
    which it is there."""
    for place in opened.chosen(asked.source):
        if place >= at.shard and not hopeless(opened.shards[place], asked):
            yield place, at.line if place == at.shard else 0


def progress(opened: Opened, asked: Question, at: Cursor) -> tuple[int, int]:
    """Lines of the shards that are asked for up to a cursor, and in all."""
    chosen = opened.chosen(asked.source)
    lines = {k: opened.shards[k].counts.lines for k in chosen}
    here = min(at.line, lines.get(at.shard, 0))
    return sum(n for k, n in lines.items() if k < at.shard) + here, sum(lines.values())


def list_in_order(opened: Opened, asked: Question) -> Listing:
    """In the order of the input."""
    rows: list[Row] = []
    looked, at = 0, asked.after
    for place, after in shards_from(opened, asked, asked.after):
        for group, chosen in groups(opened, place, asked, after):
            for row in chosen.rows.tolist():
                if len(rows) == asked.limit:
                    return told(opened, asked, rows, at, full=True)
                rows.append(chosen.row(row))
                at = Cursor(place, int(chosen.lines[row]))
            looked += len(group)
            if looked >= LOOKED:
                end = Cursor(place, int(chosen.lines[-1]))
                return told(opened, asked, rows, end, full=len(rows) == asked.limit)
    return told(opened, asked, rows, None)


def told(
    opened: Opened,
    asked: Question,
    rows: list[Row],
    at: Cursor | None,
    *,
    full: bool = True,
    notes: Sequence[str] = (),
) -> Listing:
    """The answer; at: where it goes on."""
    end = Cursor(len(opened.shards), 0)
    lines, of = progress(opened, asked, at or end)
    return Listing(rows, str(at) if at else None, full, lines, of, notes=list(notes))
