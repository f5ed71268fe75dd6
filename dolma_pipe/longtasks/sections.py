"""The parts of a long document: where each starts, and words by which a reader finds it."""

import numpy as np

from dolma_pipe.kernels.jit import U8
from dolma_pipe.kernels.normalise import collapse_white_space
from dolma_pipe.kernels.structure import split_sections
from dolma_pipe.longtasks.task import Part

FEWEST_SECTIONS = 4
SMALLEST, LARGEST = 4 << 10, 128 << 10
"""Bytes of a part at the most. The largest are some 32 K tokens, as in OLMo 3 (8 K to 32 K); a
shorter document has smaller parts, so that it has several."""
QUOTED = (40, 80, 160)
"""Characters by which a part is told, the first that stand there once."""
FEWEST_PARTS = 3
WINDOW = 8
"""Bytes of white space and text that are looked at for a quoted character."""


def parts_of(text: U8) -> tuple[Part, ...]:
    """The parts of one document, which they cover in full.

    A part that no quotation tells from others belongs to the one before.
    """
    size = min(LARGEST, max(SMALLEST, len(text) // FEWEST_SECTIONS))
    flat = _collapsed(text)
    starts: list[int] = []
    beginnings: list[str] = []
    borders = np.array([0, len(text)], np.int64)
    for start in split_sections(text, borders, size, size // 3).starts.tolist():
        beginning = _beginning(text, start, flat)
        if beginning is not None:
            starts.append(start)
            beginnings.append(beginning)
        elif not starts:
            return ()  # nobody could tell where the first part is
    ends = [*starts[1:], len(text)]
    return tuple(map(Part, starts, ends, beginnings))


def _collapsed(text: U8) -> bytes:
    return collapse_white_space(text, np.array([0, len(text)], np.int64))[0].tobytes()


def _beginning(text: U8, start: int, flat: bytes) -> str | None:
    head = " ".join(
        text[start : start + WINDOW * QUOTED[-1]].tobytes().decode(errors="ignore").split()
    )
    for length in QUOTED:
        quote = head[:length]
        if len(head) > length and not head[length].isspace() and " " in quote[length // 2 :]:
            quote = quote[: quote.rindex(" ")]
        quote = quote.strip()
        if quote and flat.count(quote.encode()) == 1:
            return quote
    return None
