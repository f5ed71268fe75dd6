"""Winnowing: the windows of a text in consecutive stretches, each named by a fingerprint that equal
windows share wherever they stand.

Source: Schleimer, Wilkerson, Aiken, Winnowing (2003), its robust form: of the hashes of all
substrings of `size` bytes in a window the smallest is chosen, and an earlier choice stays as long
as it is one of the smallest. Two equal windows may choose different places, never different hashes.
"""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U8, U64, Bool, kernel

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the polynomials that roll over bytes, modulo 2**64."""

_SEED = 0xD6E8FEB86659FD93


class Fingerprints(NamedTuple):
    """Every window belongs to one fingerprint, and each has `windows` consecutive ones.

    hashes: uint64[n], well mixed; rows: int64[n], the document; starts: int64[n], where its first
    window starts, in bytes of the document; windows: int64[n].
    """

    hashes: U64
    rows: I64
    starts: I64
    windows: I64

    def of(self, chosen: I64 | Bool) -> "Fingerprints":
        """Some of them."""
        hashes, rows, starts, windows = self
        return Fingerprints(hashes[chosen], rows[chosen], starts[chosen], windows[chosen])


def winnow(text: U8, offsets: I64, size: int, width: int, seed: int = 0) -> Fingerprints:
    """The fingerprints of all windows of `width` bytes, in the order of the text.

    A document shorter than that has none. seed: another one chooses by other hashes. About
    2 / (width - size) fingerprints a byte, and no more where the text repeats itself.
    """
    salt = np.uint64(seed * _SEED % (1 << 64))
    return Fingerprints(*_winnow(text, offsets, size, width, salt))


@kernel
def _winnow(
    text: U8, offsets: I64, size: int, width: int, salt: np.uint64
) -> tuple[U64, I64, I64, I64]:
    room = 16 + 3 * (offsets[-1] - offsets[0]) // (width - size + 2)
    hashes, rows = np.empty(room, np.uint64), np.empty(room, np.int64)
    starts, windows = np.empty(room, np.int64), np.empty(room, np.int64)
    n = 0
    span = width - size + 1  # substrings in a window
    ring = np.empty(1 << int(np.ceil(np.log2(span + 1))), np.uint64)  # their hashes
    mask = len(ring) - 1
    smallest = np.empty(span, np.int64)  # from each place of the window at `base` to its end
    leaving = np.uint64(1)
    for _ in range(size):
        leaving *= BASE
    for d in range(len(offsets) - 1):
        first, end = offsets[d], offsets[d + 1]
        if end - first < width:
            continue
        h = np.uint64(0)
        for i in range(first, first + size - 1):
            h = h * BASE + np.uint64(text[i])
        chosen, chosen_hash = -1, np.uint64(0)
        base = -span
        later, later_hash = -1, np.uint64(0)  # the smallest after the window at `base`
        before = n
        for g in range(end - first - size + 1):
            h = h * BASE + np.uint64(text[first + g + size - 1])
            if g > 0:
                h -= np.uint64(text[first + g - 1]) * leaving
            value = mixed64(h ^ salt)
            ring[g & mask] = value
            if later < 0 or value <= later_hash:
                later, later_hash = g, value
            start = g - span + 1
            if start < 0 or (chosen >= start and value >= chosen_hash):
                continue
            if chosen >= start:
                chosen = g
            elif start - base >= span:
                base = start
                chosen = g
                for q in range(g, start - 1, -1):
                    if ring[q & mask] < ring[chosen & mask]:
                        chosen = q
                    smallest[q - start] = chosen
                later = -1
            else:
                chosen = smallest[start - base]
                if later >= 0 and later_hash <= ring[chosen & mask]:
                    chosen = later
            chosen_hash = ring[chosen & mask]
            if n == len(hashes):
                hashes, rows = _doubled(hashes), _doubled(rows)
                starts, windows = _doubled(starts), _doubled(windows)
            hashes[n] = mixed64(chosen_hash)  # the smallest of many is not evenly spread
            rows[n], starts[n] = d, start
            n += 1
        for k in range(before, n):
            after = starts[k + 1] if k + 1 < n else end - first - width + 1
            windows[k] = after - starts[k]
    return hashes[:n].copy(), rows[:n].copy(), starts[:n].copy(), windows[:n].copy()


@kernel
def _doubled(values: Any) -> Any:
    grown = np.empty(2 * len(values), values.dtype)
    grown[: len(values)] = values
    return grown
