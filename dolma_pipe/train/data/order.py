"""Which instance comes when: a keyed permutation of every epoch, computed and never stored."""

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

ROUNDS = 4
"""3 fail a chi-square test."""
SORTED_BELOW = 1024
"""Instances; fewer are sorted by a keyed hash: 4 rounds do not mix numbers of so few bits."""
BLOCK = 1 << 16
"""Positions at a time, which fit the cache."""


class Order:
    """A permutation of the numbers 0 to n - 1.

    A Feistel network over an even number of bits (Luby and Rackoff 1988); what leaves the range
    goes through again (Black and Rogaway 2002), at most 4 times on average.
    """

    def __init__(self, n: int, *key: int | str) -> None:
        """key: seed, epoch and the like; each sequence of them has a permutation of its own."""
        content = hashlib.blake2b(msgspec.json.encode(["order", *key]), digest_size=8 * ROUNDS)
        self.n = n
        self._keys: U64 = np.frombuffer(content.digest(), "<u8").astype(np.uint64)
        half = max(1, ((n - 1).bit_length() + 1) // 2)
        self._half, self._mask = np.uint64(half), np.uint64((1 << half) - 1)
        self._sorted: Numbers | None = None
        if n < SORTED_BELOW:
            hashes = _mixed(_mixed(np.arange(n, dtype=np.uint64), self._keys[0]), self._keys[1])
            self._sorted = np.argsort(hashes, kind="stable")

    def at(self, positions: npt.ArrayLike) -> Numbers:
        """int64[k] positions -> int64[k] numbers. Raises IndexError for one that is not there."""
        wanted: Numbers = np.asarray(positions, np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < self.n:
            raise IndexError(f"positions {wanted.min()} to {wanted.max()} of {self.n}")
        if self._sorted is not None:
            return self._sorted[wanted]
        numbers = np.empty(len(wanted), np.int64)
        for start in range(0, len(wanted), BLOCK):
            numbers[start : start + BLOCK] = self._walk(wanted[start : start + BLOCK])
        return numbers

    def _walk(self, positions: Numbers) -> U64:
        numbers = self._once(positions.astype(np.uint64))
        outside = np.flatnonzero(numbers >= self.n)
        while len(outside):
            again = self._once(numbers[outside])
            numbers[outside] = again
            outside = outside[again >= self.n]
        return numbers

    def _once(self, numbers: U64) -> U64:
        left, right = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right, key) & self._mask)
        return (left << self._half) | right


def _mixed(values: U64, key: np.uint64) -> U64:
    """64 bits of each value and the key (xor, then two steps of Stafford's mix13)."""
    mixed: U64 = (values ^ key) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
