"""Keys counted as they come, in memory that does not grow: see summary.py for what is kept."""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.frequencies import (
    COUNT,
    KEY,
    PLACE_BITS,
    SLACK,
    VALUE,
    Counts,
    add_all,
    gather,
    no_counts,
    part,
    spread,
)
from dolma_pipe.kernels.jit import U64
from dolma_pipe.statistics.summary import (
    EVERY_KEY,
    Size,
    Summary,
    cut_of,
    empty,
    merged,
    shrunk,
)

MOST_COUNTED = FARTHEST = (1 << 32) - 1
"""All counts that are in a table together; a place, less the first."""
FIRST_SLOTS = 1 << 12
GROWTH = 2


class Frequencies:
    """Counts keys as they come; the summary in the end is told by their order alone."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._before = empty()
        self.peak_bytes = 0
        self._begin()

    def _begin(self) -> None:
        self._table = _Table(self._size.capacity)
        self._sample: _Table | None = None
        self._base: int | None = None
        self._limit = EVERY_KEY
        self._error = 0
        self._total = 0

    def add(self, keys: U64, counts: U64, places: U64) -> None:
        """Count keys (none of them 0). counts: of each, or one number for all of them, none
        of them 0, together below 2**32; places: ascending, also from call to call."""
        if not len(keys):
            return
        total = int(counts.sum()) * (len(keys) // len(counts))
        assert total <= MOST_COUNTED
        if self._total + total > MOST_COUNTED or int(places[-1]) - self._base_of(places) > FARTHEST:
            self._before = self.summary()
            self._begin()
        self._total += total
        self._add(_Keys(keys, counts, places, self._base_of(places)))
        held = self._table.bytes + (self._sample.bytes if self._sample else 0)
        self.peak_bytes = max(self.peak_bytes, held + self._before.bytes)

    def summary(self) -> Summary:
        """What is remembered; nothing is added after it."""
        base, heavy = self._base or 0, no_counts()
        if self._sample is None:
            known = _unpacked(self._table.gathered(), base)
        else:
            known = _unpacked(self._sample.gathered(self._limit), base)
            if self._size.heavy:
                heavy = _unpacked(self._table.gathered(), base)
        found = Summary(known, self._limit, heavy, self._error, self._total)
        found = found if self._sample is None else shrunk(found, self._size)
        return merged(self._before, found, self._size) if self._before.total else found

    def taken(self) -> tuple[Summary, int]:
        """The same to be written at once, and what is to be added to its places: if all keys are
        there, in the memory of the table, and in 32 bits."""
        if self._sample is not None or self._before.total:
            return self.summary(), 0
        rows = self._table.gathered()
        counts, places = (np.empty(len(rows), np.uint32) for _ in range(2))
        part(rows, counts, places)
        known: Any = rows.reshape(-1)[: len(rows)], counts, places
        return Summary(Counts(*known), EVERY_KEY, no_counts(), 0, self._total), self._base or 0

    def _base_of(self, places: U64) -> int:
        """The least place of all, from which the tables count."""
        if self._base is None:
            self._base = int(places[0])
        return self._base

    def _add(self, new: "_Keys") -> None:
        if self._sample is not None:
            self._add_known(self._sample, new)
            if not self._size.heavy:
                return
        first = 0
        while (first := self._table.add(EVERY_KEY, new, first)) < len(new.keys):
            if self._sample is None:
                self._sample = self._overflow()
                self._add_known(self._sample, new, first)
                if not self._size.heavy:
                    return
            self._prune()

    def _overflow(self) -> "_Table":
        """Not all keys fit any more: from now on a sample is known."""
        held = self._table.gathered()[: self._size.sample]
        self._limit = int(held[-1, KEY])
        sample = _Table(2 * self._size.sample, self._limit)
        self._add_known(sample, _Keys(*_unpacked(held, 0), 0))
        self._table.spread()
        return sample

    def _add_known(self, sample: "_Table", new: "_Keys", first: int = 0) -> None:
        while (first := sample.add(self._limit, new, first)) < len(new.keys):
            held = sample.gathered(self._limit)  # twice the sample, unless keys crowd the last rows
            self._limit = int(held[len(held) // 2 - 1, KEY])
            sample.gathered(self._limit)
            sample.spread(self._limit)

    def _prune(self) -> None:
        cut = int(cut_of(self._table.gathered()[:, VALUE] & COUNT, self._size.capacity))
        self._table.gathered(EVERY_KEY, cut)
        self._table.spread()
        self._error += cut


class _Keys(NamedTuple):
    """What is added at a time; base is taken from the places."""

    keys: U64
    counts: U64
    places: U64
    base: int


class _Table:
    """Keys in slots, as many as are needed, up to a capacity. greatest: no key is greater."""

    def __init__(self, capacity: int, greatest: int = EVERY_KEY) -> None:
        self._capacity = capacity
        self._greatest = greatest
        # A quarter is free; of a sample most, as its keys may all stand in the first half.
        self._most = (4 if greatest == EVERY_KEY else 8) * capacity // 3 + 1
        self._memory = np.zeros((self._most + SLACK, 2), np.uint64)  # real where written to
        self._rows = self._memory[: min(FIRST_SLOTS, self._most) + SLACK]
        self._used = 0

    @property
    def bytes(self) -> int:
        return self._rows.nbytes

    def add(self, limit: int, new: _Keys, first: int) -> int:
        """Where it stopped: behind the last, or at a key that is new when the table is full."""
        while True:
            slots = len(self._rows) - SLACK
            room = self._capacity * slots // self._most
            first, self._used = add_all(
                self._rows, self._lead, self._used, room, np.uint64(limit), *new, first
            )
            if first == len(new.keys) or room == self._capacity:
                return first
            self.gathered()
            self._rows = self._memory[: min(GROWTH * slots, self._most) + SLACK]
            self.spread()

    def gathered(self, limit: int = EVERY_KEY, cut: int = 0) -> U64:
        """Only the keys up to limit that were counted more often than cut, their counts less cut,
        as sorted rows. Nothing is added until they are spread."""
        self._used = gather(self._rows, np.uint64(cut), np.uint64(limit))
        return self._rows[: self._used]

    def spread(self, limit: int = EVERY_KEY) -> None:
        """The rows to their slots. From now on no key is greater than limit."""
        self._greatest = min(self._greatest, limit)
        assert spread(self._rows, self._lead, self._used)

    @property
    def _lead(self) -> np.uint64:
        return np.uint64(64 - self._greatest.bit_length())


def _unpacked(rows: U64, base: int) -> Counts:
    keys, values = rows.T
    places = values >> PLACE_BITS
    places += np.uint64(base)
    return Counts(keys.copy(), values & COUNT, places)
