"""Lists in the order of a column: as many shards as can be looked at in a request are ordered
together, then the next ones."""

import math

import numpy as np

from dolma_pipe.browse.listing import Chosen, Listing, Row, groups, hopeless, progress
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.question import Cursor, Question

TOGETHER = 500_000
"""Lines of the shards that are ordered together, unless one alone has more."""

Key = tuple[float, int, int]
"""Value (negative where the list descends), place of the shard, line."""


def list_by_column(opened: Opened, asked: Question) -> Listing:
    """The next documents of the shards that are ordered together."""
    places = [k for k in opened.chosen(asked.source) if not hopeless(opened.shards[k], asked)]
    window, later = _window(opened, [k for k in places if k >= asked.after.window])
    if not window:
        return Listing([], None, True, *progress(opened, asked, Cursor(len(opened.shards))))
    sign = 1.0 if asked.order == "ascending" else -1.0
    after: Key = (-math.inf, -1, 0)
    if asked.after.value is not None:
        after = (sign * asked.after.value, asked.after.shard, asked.after.line)
    best: list[tuple[Key, Row]] = []
    for place in window:
        for _, chosen in groups(opened, place, asked):
            best += _best(chosen, place, sign, after, asked.limit + 1, best)
            best.sort(key=lambda each: each[0])
            del best[asked.limit + 1 :]
    rows = [row for _, row in best[: asked.limit]]
    following: Cursor | None = None
    if len(best) > asked.limit:
        value, shard, line = best[asked.limit - 1][0]
        following = Cursor(shard, line, sign * value, window[0])
    elif later:
        following = Cursor(later[0], 0, None, later[0])
    end = Cursor(later[0] if later else len(opened.shards))
    lines, of = progress(opened, asked, end)
    full = len(best) > asked.limit
    next_ = str(following) if following else None
    both = opened.shards[window[0]].key, opened.shards[window[-1]].key
    return Listing(rows, next_, full, lines, of, both)


def _window(opened: Opened, places: list[int]) -> tuple[list[int], list[int]]:
    """The first of the shards, which are ordered together, and the others."""
    lines = 0
    for k, place in enumerate(places):
        lines += opened.shards[place].counts.lines
        if lines > TOGETHER and k:
            return places[:k], places[k:]
    return places, []


def _best(
    chosen: Chosen, place: int, sign: float, after: Key, count: int, best: list[tuple[Key, Row]]
) -> list[tuple[Key, Row]]:
    """The first documents of a row group behind a key, without those that come too late."""
    rows = chosen.rows
    values, lines = sign * chosen.values[rows], chosen.lines[rows]
    behind = values > after[0]
    same = values == after[0]
    behind |= same & ((place > after[1]) | ((place == after[1]) & (lines > after[2])))
    if len(best) == count:
        behind &= values <= best[-1][0][0]
    places = np.flatnonzero(behind)
    places = places[np.argsort(values[places], kind="stable")[:count]]
    return [
        ((float(values[k]), place, int(lines[k])), chosen.row(int(rows[k])))
        for k in places.tolist()
    ]
