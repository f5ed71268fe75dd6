"""`tokenizers`, the reference: some twenty times slower, and hungry: 120 bytes a byte of text.

So texts go in by the megabyte, and a longer one is cut between words where a test of both sides
shows that the cut changes no id.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U32
from dolma_pipe.tokenizer.ids import Ids, joined

PIECE_BYTES = 1 << 20
CONTEXT = 1 << 11
"""Characters on either side of a cut that are encoded to see whether it changes anything."""
SOUGHT = 1 << 13
"""Characters in which a cut is looked for."""
CUTS_TRIED = 32
BORDER = re.compile(r"(?<=\w)(?= \w)|(?<=\w )(?=\w)|(?<=\W)(?=\w)")
"""Between words, before or after the space, or after whatever is no word."""


class Reference:
    """A `tokenizers.Tokenizer` over arrays."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def encode(self, text: U8, offsets: I64) -> Ids:
        """Documents text[offsets[d]:offsets[d + 1]]."""
        return joined(self._documents(text, offsets.tolist()))

    def _documents(self, text: U8, offsets: list[int]) -> Iterator[U32]:
        first = 0
        while first < len(offsets) - 1:
            after = first + 1
            while after < len(offsets) - 1 and offsets[after + 1] - offsets[first] <= PIECE_BYTES:
                after += 1
            texts = [
                text[offsets[d] : offsets[d + 1]].tobytes().decode() for d in range(first, after)
            ]
            if after == first + 1 and offsets[after] - offsets[first] > PIECE_BYTES:
                pieces = [self.ids([piece])[0] for piece in self.pieces(texts[0])]
                yield np.concatenate(pieces)
            else:
                yield from self.ids(texts)
            first = after

    def ids(self, texts: list[str]) -> list[U32]:
        """uint32[tokens] of each text; special tokens are neither added nor found."""
        encoded = self._engine.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(document.ids, np.uint32) for document in encoded]

    def pieces(self, text: str) -> Iterator[str]:
        """A text in pieces whose ids, one after another, are those of the whole."""
        start = 0
        while len(text) - start > PIECE_BYTES:
            cut = self._cut(text, start + PIECE_BYTES - SOUGHT)
            if cut is None:
                break
            yield text[start : cut[0]]
            start = cut[1]
        yield text[start:]

    def _cut(self, text: str, sought: int) -> tuple[int, int] | None:
        """Where a piece ends and the next begins: at once, or after a space that it puts there."""
        borders = BORDER.finditer(text, sought, sought + SOUGHT)
        for _, border in zip(range(CUTS_TRIED), borders, strict=False):
            end = border.start()
            for begin in (end, end + 1) if text[end] == " " else (end,):
                if self._changes_nothing(text, end, begin):
                    return end, begin
        return None

    def _changes_nothing(self, text: str, end: int, begin: int) -> bool:
        left, right = text[max(0, end - CONTEXT) : end], text[begin : begin + CONTEXT]
        whole = text[max(0, end - CONTEXT) : begin + CONTEXT]
        before, after, both = self.ids([left, right, whole])
        return np.array_equal(np.concatenate([before, after]), both)
