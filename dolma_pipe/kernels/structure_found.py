"""What is found in documents, in one list for all kinds."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, kernel

HEADING, FORMULA, LIST, TABLE, CODE_BLOCK = map(np.uint8, range(5))


class Found(NamedTuple):
    """total: int64[1], how many there are. kinds: uint8. starts, ends: int64, bytes of `text`.
    values: int64, by kind: the level of a heading, 1 for a displayed formula and 0 for another, the
    items of a list, the rows of a table, the lines of code."""

    total: I64
    kinds: U8
    starts: I64
    ends: I64
    values: I64


def none_found(room: int) -> Found:
    """An empty list with room for so many."""
    starts, ends, values = (np.empty(room, np.int64) for _ in range(3))
    return Found(np.zeros(1, np.int64), np.empty(room, np.uint8), starts, ends, values)


@kernel
def add(found: Found, kind: np.uint8, start: int, end: int, value: int) -> None:
    """Append one."""
    n = found.total[0]
    found.kinds[n], found.starts[n], found.ends[n] = kind, start, end
    found.values[n] = value
    found.total[0] = n + 1
