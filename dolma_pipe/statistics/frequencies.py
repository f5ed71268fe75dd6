"""How often keys occur, in memory that does not grow: exact while they fit, told with bounds after.

Two summaries are kept of a stream of 64-bit keys (hashes), both mergeable:

- known: every key up to a limit, with its exact count. While all keys fit, the limit is the
  greatest there is and everything is exact. When they do not, it is lowered to the k-th smallest
  key: a uniform sample of the distinct keys (KMV, Bar-Yossef et al. 2002), whatever their counts.
- heavy, once not all are known: the keys of the largest counts (Misra and Gries 1982, merged as
  Agarwal et al. 2013, pruned as Anderson et al. 2017). A count is at most `error` too low, and
  error <= total / (capacity / 2 + 1).
"""

import math
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
    common_keys,
    gather,
    merge_into,
    no_counts,
    part,
    spread,
)
from dolma_pipe.kernels.jit import I64, U64

EVERY_KEY = (1 << 64) - 1
"""The limit below which all keys are."""
MOST_COUNTED = FARTHEST = (1 << 32) - 1
"""All counts that are in a table together; a place, less the first."""
FIRST_SLOTS = 1 << 12
GROWTH = 2
NORMAL_95 = 1.959964
RARE = 15
"""A count that the most frequent exceed as a rule: most keys need not be looked at."""


class Size(NamedTuple):
    """capacity: keys that are counted at the same time; sample: those that are known when not all
    are. Where only a sample is wanted, capacity is that and heavy is False."""

    capacity: int
    sample: int
    heavy: bool = True


class Range(NamedTuple):
    """A value and where it lies: for sure, or with 95 % probability (`of` says which)."""

    value: float
    lower: float
    upper: float

    @property
    def exact(self) -> bool:
        return self.lower == self.upper


class Summary(NamedTuple):
    """What is remembered of a stream. total: all counts together."""

    known: Counts
    limit: int
    heavy: Counts
    error: int
    total: int

    @property
    def exact(self) -> bool:
        """Whether every key is known."""
        return self.limit == EVERY_KEY

    @property
    def bytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in (*self.known, *self.heavy))

    def distinct(self) -> Range:
        """How many keys there are; with 95 % probability where they are estimated."""
        n = len(self.known.keys)
        if self.exact:
            return Range(n, n, n)
        found = (n - 1) / (self.limit / 2**64)
        error = NORMAL_95 * found / math.sqrt(max(n - 2, 1))
        most = float(self.total)  # as if each key came once, which is not known for sure
        least = max(float(n), min(found - error, most - 1))
        return Range(min(found, most), least, min(found + error, most))

    def share_with(self, chosen: int) -> Range:
        """The share of the distinct keys, where `chosen` of the known ones are such."""
        return proportion(chosen, len(self.known.keys), exact=self.exact)

    def top(self, number: int) -> list["Item"]:
        """Keys of the largest counts, those that came first before others of the same count."""
        source = self.known if self.exact else self.heavy
        items = [self._item(source, row) for row in _largest(source, number).tolist()]
        return sorted(items, key=lambda item: (-item.lower, item.place, item.key))

    def certain(self, top: list["Item"]) -> int:
        """How many of the first are the first for sure: no other key can have more."""
        if self.exact:
            return len(top)
        following = _largest(self.heavy, len(top) + 1)[len(top) :]
        most = self.error + int(self.heavy.counts[following].max(initial=0))  # of all other keys
        for number in range(len(top), 0, -1):
            if top[number - 1].lower >= max([most, *(item.upper for item in top[number:])]):
                return number
        return 0

    def bottom(self, number: int) -> list["Item"]:
        """Of the known keys those of the smallest counts; the smallest keys of each count."""
        rows = _smallest(self.known, number)
        return [self._item(self.known, row) for row in rows.tolist()]

    def _item(self, source: Counts, row: int) -> "Item":
        key, count, place = (int(array[row]) for array in source)
        if key <= self.limit:
            at = int(np.searchsorted(self.known.keys, np.uint64(key)))
            exact = int(self.known.counts[at])
            return Item(key, int(self.known.places[at]), exact, exact)
        return Item(key, place, count, min(count + self.error, self.total))


class Item(NamedTuple):
    """A key, the least place where it was seen, and between which numbers its count lies."""

    key: int
    place: int
    lower: int
    upper: int


def empty() -> Summary:
    """Of a stream without keys."""
    return Summary(no_counts(), EVERY_KEY, no_counts(), 0, 0)


def merged(first: Summary, second: Summary, size: Size) -> Summary:
    """Of both streams together."""
    limit = min(first.limit, second.limit)
    known = _both(up_to(first.known, limit), up_to(second.known, limit))
    total, error = first.total + second.total, first.error + second.error
    if limit == EVERY_KEY:
        return _shrunk(Summary(known, limit, no_counts(), 0, total), size)
    heavy = no_counts()
    if size.heavy:
        heavy = _both(_counted(first), _counted(second))
    return _shrunk(Summary(known, limit, heavy, error, total), size)


def _counted(summary: Summary) -> Counts:
    return summary.known if summary.exact else summary.heavy


def _shrunk(summary: Summary, size: Size) -> Summary:
    """The same within its size."""
    known, limit, heavy, error, total = summary
    if limit == EVERY_KEY:
        if len(known.keys) <= size.capacity:
            return summary
        heavy = known if size.heavy else heavy
    if len(heavy.keys) > size.capacity:
        cut = _cut(heavy.counts, size.capacity)
        rest = heavy.counts > cut
        heavy = Counts(heavy.keys[rest], heavy.counts[rest] - cut, heavy.places[rest])
        error += int(cut)
    if len(known.keys) > size.sample:
        known = Counts(*(array[: size.sample].copy() for array in known))
        limit = int(known.keys[-1])
    return Summary(known, limit, heavy, error, total)


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
        found = found if self._sample is None else _shrunk(found, self._size)
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
        cut = int(_cut(self._table.gathered()[:, VALUE] & COUNT, self._size.capacity))
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


def proportion(chosen: int, of: int, *, exact: bool) -> Range:
    """A share, and its 95 % interval (Wilson 1927) where `of` is a sample."""
    if not of:
        return Range(0.0, 0.0, 0.0 if exact else 1.0)
    share = chosen / of
    if exact:
        return Range(share, share, share)
    z = NORMAL_95
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return Range(share, max(0.0, middle - half), min(1.0, middle + half))


def common(first: Counts, second: Counts) -> tuple[I64, I64]:
    """Where the keys stand that both have."""
    room = min(len(first.keys), len(second.keys))
    mine, theirs = np.empty(room, np.int64), np.empty(room, np.int64)
    n = common_keys(first.keys, second.keys, mine, theirs)
    return mine[:n], theirs[:n]


def up_to(counts: Counts, limit: int) -> Counts:
    """Those keys of a summary that are no greater."""
    end = int(np.searchsorted(counts.keys, np.uint64(limit), side="right"))
    return Counts(*(array[:end] for array in counts))


def _both(first: Counts, second: Counts) -> Counts:
    if not len(first.keys) or not len(second.keys):
        return first if len(first.keys) else second
    out = np.empty((3, len(first.keys) + len(second.keys)), np.uint64)
    n = merge_into(*first, *second, out)
    return Counts(*(row[:n].copy() for row in out))


def _cut(counts: U64, capacity: int) -> np.uint64:
    """What is taken from every count so that at most half of the capacity is left, and at least a
    key goes where a table is full before, as keys made to collide crowd its last rows."""
    place = max(len(counts) - capacity // 2 - 1, 0)
    return np.uint64(np.partition(counts, place)[place])


def _smallest(counts: Counts, number: int) -> I64:
    """Rows by rising count, then by key."""
    if len(counts.keys) <= number:
        return np.argsort(counts.counts, kind="stable")
    most = counts.counts.min()
    if np.count_nonzero(counts.counts == most) < number:
        most = np.partition(counts.counts, number - 1)[number - 1]
    fewer = np.flatnonzero(counts.counts < most)
    fewer = fewer[np.argsort(counts.counts[fewer], kind="stable")]
    return np.concatenate([fewer, np.flatnonzero(counts.counts == most)[: number - len(fewer)]])


def _largest(counts: Counts, number: int) -> I64:
    """Rows by falling count, then by place and key."""
    rows = np.flatnonzero(counts.counts > RARE)
    if len(rows) < number:
        rows = np.arange(len(counts.keys))
    if len(rows) > number:
        some = counts.counts[rows]
        rows = rows[some >= np.partition(some, len(some) - number)[-number]]
    order = np.lexsort(
        (counts.keys[rows], counts.places[rows], -counts.counts[rows].view(np.int64))
    )
    return rows[order[:number]]
