"""What the attributes of an earlier run tell today's taggers: scores that still hold."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from dolma_pipe.attributes import MOST_TAGGERS, Description, ScoredBy
from dolma_pipe.columns import overlaid, scatter, to_arrow
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.stages.decide import Decided, Known, NamedTagger
from dolma_pipe.stored import Group


def scored_by(taggers: Sequence[NamedTagger]) -> tuple[ScoredBy, ...]:
    """How taggers stand in the description of a file."""
    return tuple(ScoredBy(n.prefix, n.fingerprint, n.columns()) for n in taggers)


class Memory:
    """Scores hold where prefix and fingerprint are equal.

    Columns of taggers that do not run are handed on as they are, so that the recipe can come back
    to them, unless a column of today has the name of one of theirs.
    """

    def __init__(self, description: Description, taggers: Sequence[NamedTagger]) -> None:
        """taggers: in the order in which they run; those that are not asked and stand not in the
        file have nothing to say."""
        stand = {(by.prefix, by.fingerprint): k for k, by in enumerate(description.taggers)}
        places = [(named, stand.get((named.prefix, named.fingerprint))) for named in taggers]
        places = [(named, place) for named, place in places if named.asked or place is not None]
        self.taggers = here = [named for named, _ in places]
        self._places = [place for _, place in places]
        taken = {name for named in here for name in named.columns()}
        others = [
            (place, by)
            for place, by in enumerate(description.taggers)
            if place not in self._places and not taken & set(by.columns)
        ][: MOST_TAGGERS - len(here)]
        self._other_places = [place for place, _ in others]
        self._other_columns = [name for _, by in others for name in by.columns]
        self.described = (*scored_by(here), *(by for _, by in others))

    def known(self, group: Group) -> Known:
        """What a row group tells the taggers."""
        columns = {
            name: group.column(name)
            for named, place in zip(self.taggers, self._places, strict=True)
            for name in (named.columns() if place is not None else ())
        }
        return Known(columns, [_bit(group, place) for place in self._places])

    def scored(self, group: Group, known: Known, decided: Decided, rows: I64) -> list[Bool]:
        """Of every tagger in `described`, which documents of the group it has now scored; decided
        speaks of `rows`."""
        scored = []
        for before, now in zip(known.scored, decided.scored, strict=True):
            after = before.copy()
            after[rows] = now
            scored.append(after)
        return scored + [_bit(group, place) for place in self._other_places]

    def columns(
        self, group: Group, known: Known, decided: Decided, rows: I64
    ) -> dict[str, pa.Array]:
        """Every column of the group, with what has now been scored."""
        columns = {name: group.array(name) for name in self._other_columns}
        scored = self.scored(group, known, decided, rows)
        for named, before, after in zip(self.taggers, known.scored, scored, strict=False):
            for name in named.columns():
                if name not in known.columns:
                    whole = scatter(decided.columns[name], rows, len(after))
                    columns[name] = to_arrow(whole, after)
                elif (before == after).all():
                    columns[name] = group.array(name)
                else:
                    whole = overlaid(known.columns[name], decided.columns[name], rows)
                    columns[name] = to_arrow(whole, after)
        return columns


def _bit(group: Group, place: int | None) -> Bool:
    """bool[documents]: whether the tagger in this place of the file has scored them."""
    if place is None:
        return np.zeros(len(group), np.bool_)
    return group.scored_by(place)
