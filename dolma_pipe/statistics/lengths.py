"""A histogram of lengths: exact up to 31, above it sixteen bins to every doubling."""

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import I64

BITS = 4
FINE = 1 << BITS


class Lengths(msgspec.Struct):
    """bins: place -> documents; total: of all lengths."""

    bins: dict[int, int] = {}
    total: int = 0
    least: int | None = None
    most: int = 0

    def add(self, lengths: I64) -> None:
        """Count documents of these lengths."""
        if not len(lengths):
            return
        places, counts = np.unique(bins_of(lengths), return_counts=True)
        self.merge(
            Lengths(
                dict(zip(places.tolist(), counts.tolist(), strict=True)),
                int(lengths.sum()),
                int(lengths.min()),
                int(lengths.max()),
            )
        )

    def merge(self, other: "Lengths") -> None:
        """Count what the other has counted."""
        for place, count in other.bins.items():
            self.bins[place] = self.bins.get(place, 0) + count
        self.total += other.total
        self.most = max(self.most, other.most)
        if other.least is not None:
            self.least = other.least if self.least is None else min(self.least, other.least)

    def documents(self) -> int:
        return sum(self.bins.values())

    def quantile(self, share: float) -> tuple[int, int]:
        """The least and greatest length that the document at this share of all can have."""
        rank, documents = 0, self.documents()
        for place in sorted(self.bins):
            rank += self.bins[place]
            if rank >= share * documents:
                return max(edge(place), self.least or 0), min(edge(place + 1) - 1, self.most)
        return 0, 0

    def by_power(self) -> list[tuple[int, int]]:
        """From which length on (0, 1, 2, 4, ...) how many documents, gaps included."""
        counts: dict[int, int] = {}
        for place, count in self.bins.items():
            power = edge(place).bit_length()
            counts[power] = counts.get(power, 0) + count
        if not counts:
            return []
        powers = range(min(counts), max(counts) + 1)
        return [(1 << power >> 1, counts.get(power, 0)) for power in powers]


def bins_of(lengths: I64) -> I64:
    """The bin of each length."""
    powers = np.maximum(np.frexp(lengths.astype(np.float64))[1] - 1 - BITS, 0).astype(np.int64)
    bins: I64 = (powers << BITS) + (lengths >> powers)
    return bins


def edge(place: int) -> int:
    """The least length of a bin."""
    power = max((place >> BITS) - 1, 0)
    return (place - (power << BITS)) << power
