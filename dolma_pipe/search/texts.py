"""Rows of tables and records of WET files whose text may match, found without parsing them."""

from typing import Any

import numpy as np
import pyarrow as pa

from dolma_pipe.formats.rows import Piece, Row
from dolma_pipe.formats.warc import Page
from dolma_pipe.kernels.automaton import texts_that_may_match, unescaped
from dolma_pipe.kernels.jit import I32, Bool


class TextSieve:
    """Looks into what records have before they are parsed."""

    def __init__(self, table: I32) -> None:
        self._table = unescaped(table)
        self._piece: Piece | None = None
        self._rows: Bool | None = None

    def may_match(self, content: Any) -> bool:
        """Always where that cannot be seen: a page of HTML, or a column that shares its texts."""
        if isinstance(content, Row):
            if content.piece is not self._piece:
                self._piece, self._rows = content.piece, self._of(content.piece.texts())
            return self._rows is None or bool(self._rows[content.place])
        if isinstance(content, Page) and content.status is None:
            text = np.frombuffer(content.block.content, np.uint8)
            return bool(texts_that_may_match(text, np.array([0, len(text)]), self._table)[0])
        return True

    def _of(self, texts: pa.LargeBinaryArray | None) -> Bool | None:
        if texts is None:
            return None
        _, offsets, data = texts.buffers()
        begun = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        return texts_that_may_match(np.frombuffer(data or b"", np.uint8), begun, self._table)
