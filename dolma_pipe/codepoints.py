"""Places in a text counted in bytes, as ours are, and in code points, as dolma's are."""

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from dolma_pipe.kernels.jit import I64, U8


class CodePoints:
    """The code-point borders of the documents of a batch.

    text: uint8[bytes], valid UTF-8; offsets: int64[documents + 1].
    """

    def __init__(self, text: U8, offsets: I64) -> None:
        self._text = text
        self._offsets = offsets
        self._before = np.zeros(len(text) + 1, np.int64)
        """How many code points begin before a byte."""
        np.cumsum((text & 0xC0) != 0x80, out=self._before[1:])

    @cached_property
    def lengths(self) -> I64:
        """Code points of each document, int64[documents]."""
        return np.diff(self._before[self._offsets])

    def from_bytes(self, documents: I64, places: I64) -> I64:
        """Code points before each place; documents: which of them a place lies in, int64[places].

        places: int64[places], bytes from the document's start, at code-point borders.
        """
        begins = self._offsets[documents]
        before: I64 = self._before[begins + places] - self._before[begins]
        return before

    def to_bytes(self, documents: I64, places: I64) -> I64:
        """Bytes before each place, the inverse of `from_bytes`.

        places: between 0 and the length of their documents.
        """
        begins = self._offsets[documents]
        before: I64 = self._borders[self._before[begins] + places] - begins
        return before

    @cached_property
    def _borders(self) -> I64:
        """Where each code point begins, and where the last one ends."""
        heads = np.flatnonzero((self._text & 0xC0) != 0x80)
        return np.append(heads, len(self._text))


def spans_in_bytes(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans of code points of one text, ascending and apart, in bytes."""
    last = at = 0
    for start, end in spans:
        first = at + len(text[last:start].encode())
        at, last = first + len(text[start:end].encode()), end
        yield first, at
