"""Stretches of text on their way to cuts: joined over small gaps, and moved inwards to borders."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, inlined, kernel


def join_stretches(offsets: I64, starts: I64, ends: I64, covered: float) -> tuple[I64, I64, I64]:
    """Neighbours become one as long as that is covered to this share by what it is made of.

    offsets: int64[documents + 1]; starts, ends: sorted and apart. Left to right: a stretch joins
    the one before it, with all that this has joined, if their bytes together are at least
    `covered` (rounded to 1e-6) of what lies between the start of that and the end of this.
    """
    return _join(offsets, starts, ends, round(covered * 1_000_000))


@kernel
def _join(offsets: I64, starts: I64, ends: I64, millionths: int) -> tuple[I64, I64, I64]:
    joined = np.zeros(len(offsets), np.int64)
    firsts, lasts = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        inside = 0  # bytes of stretches in the open one
        for k in range(offsets[d], offsets[d + 1]):
            size = ends[k] - starts[k]
            if k > offsets[d] and (inside + size) * 1_000_000 >= millionths * (
                ends[k] - firsts[n - 1]
            ):
                lasts[n - 1] = ends[k]
                inside += size
                continue
            firsts[n], lasts[n] = starts[k], ends[k]
            inside = size
            n += 1
        joined[d + 1] = n
    return joined, firsts[:n].copy(), lasts[:n].copy()


@kernel
def move_inwards(
    text: U8,
    offsets: I64,
    firsts: I64,
    starts: I64,
    ends: I64,
    lines: I64,
    sentences: I64,
    within: int,
) -> tuple[I64, I64]:
    """New starts and ends; a stretch of which nothing is left ends where it starts.

    firsts: int64[documents + 1] of starts and ends, in bytes of the document, as are the results.
    lines, sentences: int64, where lines and sentences start, sorted, in bytes of text. A start goes
    up to the next line, or else sentence, that starts within so many bytes; an end goes back to
    one, or stays at the end of the document; both at least to the border of a code point.
    """
    new_starts, new_ends = np.empty_like(starts), np.empty_like(ends)
    for d in range(len(offsets) - 1):
        first, end = offsets[d], offsets[d + 1]
        for k in range(firsts[d], firsts[d + 1]):
            a, b = first + starts[k], first + ends[k]
            for borders in (lines, sentences):
                i = np.searchsorted(borders, a)
                if i < len(borders) and borders[i] <= a + within and borders[i] < b:
                    a = borders[i]
                    break
            while a < b and _continues(text, a):
                a += 1
            if b < end:
                for borders in (lines, sentences):
                    i = np.searchsorted(borders, b, side="right") - 1
                    if i >= 0 and borders[i] >= b - within and borders[i] > a:
                        b = borders[i]
                        break
                while b > a and _continues(text, b):
                    b -= 1
            new_starts[k], new_ends[k] = a - first, b - first
    return new_starts, new_ends


@inlined
def _continues(text: U8, at: int) -> bool:
    """Whether a code point that starts before goes on here."""
    return bool(text[at] & np.uint8(0xC0) == np.uint8(0x80))
