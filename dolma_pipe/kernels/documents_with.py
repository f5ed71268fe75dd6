"""Which documents hold any of some code points."""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, Bool, kernel
from dolma_pipe.kernels.unicode import code_point_at

LEAD = 0xD7
"""First byte of U+05C0 and above: ASCII, Latin, Greek and Cyrillic are passed over."""


@kernel
def documents_with(text: U8, offsets: I64, wanted: Bool) -> Bool:
    """bool[documents]: whether one of the wanted code points is in it.

    wanted: bool[0x110000], nothing below U+05C0.
    """
    found = np.zeros(len(offsets) - 1, np.bool_)
    for d in range(len(offsets) - 1):
        for at in range(offsets[d], offsets[d + 1]):
            # 0x80 to 0xBF continue a code point
            if text[at] >= LEAD and wanted[code_point_at(text, at)[0]]:
                found[d] = True
                break
    return found
