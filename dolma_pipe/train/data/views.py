"""Views: which tokens an instance is made of, by its number."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dolma_pipe.tokens import PackedTokens, Pieces
from dolma_pipe.train.data.order import Numbers, Order


class View(Protocol):
    """len() is the number of instances."""

    def __len__(self) -> int: ...

    def pieces(self, numbers: Numbers) -> Pieces:
        """Where the tokens of these instances lie; numbers are in range."""
        ...


class Windows:
    """Each span of the stream in windows of length + 1 tokens, the next starting `length` further:
    every token but the first of the span is a target once. The last window of a span may be short.

    A span is the whole stream (concatenate), a document (padded), or a source. One of a single
    token has no target, and no window.
    """

    def __init__(self, borders: Numbers, length: int) -> None:
        """borders: int64[spans + 1], positions in the stream."""
        self.length = length
        self._borders = borders
        counts = (np.diff(borders) + length - 2) // length
        self.firsts: Numbers = np.append(np.zeros(1, np.int64), np.cumsum(counts))
        """int64[spans + 1]: number of the first window of each span."""

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def pieces(self, numbers: Numbers) -> Pieces:
        spans = np.searchsorted(self.firsts, numbers, "right") - 1
        starts = self._borders[spans] + (numbers - self.firsts[spans]) * self.length
        tokens = np.minimum(self.length + 1, self._borders[spans + 1] - starts)
        return Pieces(starts, tokens, np.ones_like(starts))


class Plans:
    """The instances of packing plans, one of each token folder, one plan after the other."""

    def __init__(self, plans: Sequence[PackedTokens]) -> None:
        self._plans = plans
        self._firsts = np.cumsum([0, *(len(plan) for plan in plans)])
        self._tokens = np.cumsum([0, *(plan.arrays.manifest.tokens for plan in plans)])
        self.identity = [
            [plan.plan.method, plan.plan.first_token, len(plan), plan.plan.arrays] for plan in plans
        ]
        """What the instances are, but for the tokens in them."""

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def pieces(self, numbers: Numbers) -> Pieces:
        if len(self._plans) == 1:
            return self._plans[0].pieces(numbers)
        starts, tokens, counts = [], [], []
        plans = np.searchsorted(self._firsts, numbers, "right") - 1
        for number, plan in zip(numbers.tolist(), plans.tolist(), strict=True):
            found = self._plans[plan].pieces([number - self._firsts[plan]])
            starts.append(found.starts + self._tokens[plan])
            tokens.append(found.tokens)
            counts.append(found.counts)
        return Pieces(np.concatenate(starts), np.concatenate(tokens), np.concatenate(counts))


class Weighted:
    """Windows of sources, of each a number of instances: whole repeats, and a share of all that is
    chosen by seed and the same in every epoch."""

    def __init__(self, windows: Windows, counts: dict[str, tuple[int, int]], seed: int) -> None:
        """counts: for each source the number of its span, and of instances that it gives."""
        self._windows = windows
        self._chosen = [
            (span, Order(int(windows.firsts[span + 1] - windows.firsts[span]), "weights", seed, s))
            for s, (span, _) in counts.items()
        ]
        self._firsts = np.cumsum([0, *(count for _, count in counts.values())])

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def pieces(self, numbers: Numbers) -> Pieces:
        sources = np.searchsorted(self._firsts, numbers, "right") - 1
        inside = numbers - self._firsts[sources]
        found = np.empty_like(numbers)
        for source in np.unique(sources).tolist():
            span, order = self._chosen[source]
            mine = sources == source
            found[mine] = order.at(inside[mine] % order.n) + self._windows.firsts[span]
        return self._windows.pieces(found)


def shares(available: dict[str, int], weights: dict[str, float]) -> dict[str, int]:
    """Instances that each source gives, in proportion to its weight; together as many as there are.

    available: instances of each. Rounded by the largest remainder.
    """
    total = sum(available[name] for name in weights)
    wanted = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(number) for name, number in wanted.items()}
    by_rest = sorted(wanted, key=lambda name: (counts[name] - wanted[name], name))
    for name in by_rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def targets(view: View, numbers: npt.ArrayLike) -> int:
    """Tokens of these instances that have one before them."""
    return int((view.pieces(np.asarray(numbers, np.int64)).used() - 1).sum())
