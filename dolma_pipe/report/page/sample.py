"""A bounded sample of what is stored of a source's documents: whole row groups of evenly spread
shards."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np

from dolma_pipe.inputs import Input
from dolma_pipe.kernels.jit import F64, I64, Bool
from dolma_pipe.recipe import Source
from dolma_pipe.remote import is_address
from dolma_pipe.report.finished import FinishedRun, TaggedSource
from dolma_pipe.report.page.marks import hidden_of
from dolma_pipe.stored import AttributeFile, Group, Unusable
from dolma_pipe.tagger import Kind, Spans
from dolma_pipe.work import held, is_remote

DOCUMENTS = 100_000
"""Of a source, at most some more: row groups are taken whole."""
OTHERS = 20_000
"""The same, of columns that no rule looks at."""
SHARDS, SHARDS_ON_A_STORE = 32, 4
"""Of a source; a file on an object store is fetched whole."""
READ_AGAIN = 64 << 20
"""Bytes of text of a source among which examples are looked for, from the beginnings of shards."""
READ_OF_A_SHARD = 16 << 20
READ_ELSEWHERE = 8 << 20
"""The same of inputs on other machines."""
SHARD_COSTS = 1 << 20
"""Opening a shard counts like so many bytes."""

Array = TypeVar("Array", F64, I64, Bool)
Item = TypeVar("Item")


class Part(NamedTuple):
    """Row groups of one shard. legible: bool[documents], those among which examples are sought."""

    shard: Input
    groups: tuple[Group, ...]
    legible: Bool

    def __len__(self) -> int:
        return sum(map(len, self.groups))


class Place(NamedTuple):
    """A document of a sample: its part, its row group, its row there."""

    part: Part
    group: Group
    row: int

    @property
    def line(self) -> int:
        return int(self.group.rows.column("line")[self.row].as_py())


@dataclass(frozen=True, eq=False)
class Sample:
    """Of one source. columns: all that some part of it has; gone: why parts are missing; others: of
    columns of numbers without a rule the values of fewer documents, NaN for none."""

    source: Source
    parts: tuple[Part, ...]
    columns: dict[str, Kind]
    gone: tuple[str, ...]
    others: dict[str, F64]

    @property
    def documents(self) -> int:
        return sum(map(len, self.parts))

    @property
    def groups(self) -> Iterator[Group]:
        for part in self.parts:
            yield from part.groups

    @cached_property
    def legible(self) -> Bool:
        """bool[documents]: as Part."""
        return _joined([part.legible for part in self.parts], np.zeros(0, np.bool_))

    @cached_property
    def kept(self) -> Bool:
        """bool[documents]: whether stages 1 to 3 kept them."""
        reasons = [group.array("dropped_by").is_null() for group in self.groups]
        return _joined([np.asarray(one, np.bool_) for one in reasons], np.zeros(0, np.bool_))

    @cached_property
    def hidden(self) -> dict[str, str]:
        """As marks.hidden_of."""
        return hidden_of(self.source, self.columns)

    def numbers(self, column: str) -> F64:
        """float64[documents], NaN where there is none, also where it is not stored."""
        return _joined([numbers_of(group, column) for group in self.groups], np.zeros(0))

    def scored(self, column: str) -> Bool:
        """bool[documents]: whether the tagger of this column has seen them."""
        return _joined(
            [
                group.scored(column) if column in group.places else np.zeros(len(group), np.bool_)
                for group in self.groups
            ],
            np.zeros(0, np.bool_),
        )

    def places(self, documents: Iterable[int]) -> list[Place]:
        """Where these documents of the sample stand."""
        groups = [(part, group) for part in self.parts for group in part.groups]
        ends = np.fromiter(accumulate(len(group) for _, group in groups), np.int64)
        found = []
        for document in documents:
            number = int(np.searchsorted(ends, document, "right"))
            part, group = groups[number]
            found.append(Place(part, group, document - int(ends[number]) + len(group)))
        return found


def numbers_of(group: Group, column: str) -> F64:
    if column not in group.places:
        return np.full(len(group), np.nan)
    return group.numbers(column)


def spans_of(group: Group, column: str) -> Spans:
    """Of each document its spans, none where the column is not stored."""
    if column in group.places:
        return group.spans(column)
    nothing = np.zeros(0, np.int64)
    return Spans(np.zeros(len(group) + 1, np.int64), nothing, nothing, np.zeros(0))


def sample_of(run: FinishedRun, tagged: TaggedSource, more: frozenset[str] = frozenset()) -> Sample:
    """What the page looks at of a source. more: columns of numbers beside those of its rules. Files
    that cannot be read are left out, and told."""
    source, files = tagged
    most = SHARDS_ON_A_STORE if is_remote(run.work.root) else SHARDS
    shards = spread([shard for shard in source.inputs if shard.key in files], most)
    parts, gone = [], []
    columns: dict[str, Kind] = {}
    others: dict[str, list[F64]] = {}
    left = READ_ELSEWHERE if any(is_address(one.uri) for one in shards) else READ_AGAIN
    ruled = {rule.column for rule in source.rules} | more
    for shard in shards:
        try:
            # of an object, one copy for all that is read of it
            with held(run.work.attributes(shard.key)):
                stored = run.attributes(shard.key)
                free = [c for c, k in stored.columns.items() if k == "number" and c not in ruled]
                looked_at = [column for column in stored.columns if column not in free]
                groups = _some(stored, looked_at, -(-DOCUMENTS // len(shards)))
                for _, group in _some(stored, free, -(-OTHERS // len(shards))):
                    for column in free:
                        others.setdefault(column, []).append(group.numbers(column))
        except Unusable as error:
            gone.append(str(error))
            continue
        legible, cost = _legible(groups, min(left, READ_OF_A_SHARD))
        left -= cost
        columns |= stored.columns
        parts.append(Part(shard, tuple(group for _, group in groups), legible))
    free_values = {column: np.concatenate(found) for column, found in others.items()}
    return Sample(source, tuple(parts), columns, tuple(gone), free_values)


def spread(shards: Sequence[Item], most: int) -> list[Item]:
    """At most so many, evenly, the first and the last among them."""
    count = min(most, len(shards))
    return [shards[k * (len(shards) - 1) // max(1, count - 1)] for k in range(count)]


def _some(stored: AttributeFile, names: list[str], most: int) -> list[tuple[int, Group]]:
    """About so many documents: whole row groups, evenly from the file, the first among them."""
    there = len(stored.row_groups)
    count = min(there, max(1, round(most * there / max(1, len(stored)))))
    numbers = [k * there // count for k in range(count)]
    return list(zip(numbers, stored.groups(names, numbers), strict=True))


def _legible(groups: list[tuple[int, Group]], most: int) -> tuple[Bool, int]:
    """Which documents are near enough to the beginning of their shard to be read again, and what
    that costs in bytes."""
    seen, cost = [], 0
    for number, (place, group) in enumerate(groups):
        ends = cost + np.cumsum(group.sizes)
        fits = (ends <= most) & (number == place)  # all row groups before it are here, too
        seen.append(fits)
        cost = int(ends[-1]) if fits.all() and len(fits) else most
    found = _joined(seen, np.zeros(0, np.bool_))
    return found, (min(cost, most) + SHARD_COSTS if found.any() else 0)


def _joined(arrays: list[Array], nothing: Array) -> Array:
    return np.concatenate(arrays) if arrays else nothing
