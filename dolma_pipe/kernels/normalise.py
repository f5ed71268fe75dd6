"""White space in one form, so that copies that differ in nothing else are equal bytes."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, kernel
from dolma_pipe.kernels.unicode import SPACE, classes, code_point_at, flags_of


def collapse_white_space(text: U8, offsets: I64) -> tuple[U8, I64]:
    """Every run of Unicode white space as one space, none at the ends: `" ".join(text.split())`.

    Case and punctuation stay. Returns the bytes and int64[documents + 1] offsets into them.
    """
    out = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8)
    firsts = np.zeros(len(offsets), np.int64)
    n = _collapse(text, offsets, *classes(), out, firsts)
    return out[:n], firsts


@kernel
def _collapse(text: U8, offsets: I64, pages: U16, flags: U8, out: U8, firsts: I64) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        first = n
        pending = False  # white space that is written only if a word follows
        while i < end:
            at = i
            if text[i] < np.uint8(0x80):
                kind = int(flags[text[i]])
                i += 1
            else:
                code, i = code_point_at(text, i)
                kind = flags_of(code, pages, flags)
            if (kind & SPACE) != 0:
                pending = bool(n > first)
                continue
            if pending:
                out[n] = np.uint8(32)
                n += 1
                pending = False
            for k in range(at, i):
                out[n] = text[k]
                n += 1
        firsts[d + 1] = n
    return n
