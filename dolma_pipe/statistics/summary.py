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
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.frequencies import Counts, common_keys, merge_into, no_counts
from dolma_pipe.kernels.jit import I64, U64

EVERY_KEY = (1 << 64) - 1
"""The limit below which all keys are."""
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
        return shrunk(Summary(known, limit, no_counts(), 0, total), size)
    heavy = no_counts()
    if size.heavy:
        heavy = _both(_counted(first), _counted(second))
    return shrunk(Summary(known, limit, heavy, error, total), size)


def _counted(summary: Summary) -> Counts:
    return summary.known if summary.exact else summary.heavy


def shrunk(summary: Summary, size: Size) -> Summary:
    """The same within its size."""
    known, limit, heavy, error, total = summary
    if limit == EVERY_KEY:
        if len(known.keys) <= size.capacity:
            return summary
        heavy = known if size.heavy else heavy
    if len(heavy.keys) > size.capacity:
        cut = cut_of(heavy.counts, size.capacity)
        rest = heavy.counts > cut
        heavy = Counts(heavy.keys[rest], heavy.counts[rest] - cut, heavy.places[rest])
        error += int(cut)
    if len(known.keys) > size.sample:
        known = Counts(*(array[: size.sample].copy() for array in known))
        limit = int(known.keys[-1])
    return Summary(known, limit, heavy, error, total)


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


def cut_of(counts: U64, capacity: int) -> np.uint64:
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
