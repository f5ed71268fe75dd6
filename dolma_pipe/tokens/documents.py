"""The documents of an array that another tool wrote, each with the end of text behind it.

An end of text ends a document wherever it stands. What a .csv.gz or .idx says in addition is where
documents come from, and where those without an end of text would end.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import CHUNK_TOKENS, Tokens
from dolma_pipe.tokens.formats import Array
from dolma_pipe.tokens.rows import Row


class Document(NamedTuple):
    """ids end with the end of text; it came from line loc of src."""

    ids: Tokens
    id: str
    src: str
    loc: int


class Documents:
    """Iterate once; then `notes` says what was not as it should be.

    eos_first: the end of text stands before each document. add_eos: a document without one gets
    it; else it is a TokensError, as are rows that do not fit the array.
    """

    def __init__(self, array: Array, eos_id: int, *, eos_first: bool, add_eos: bool) -> None:
        self._array = array
        self._ids = array.ids
        self._eos = eos_id
        self._eos_first = eos_first or array.eos_first
        self._add_eos = add_eos or self._eos_first
        self._zeros = self._split = self._added = self._empty = self._count = 0

    def __iter__(self) -> Iterator[Document]:
        rows = self._array.rows()
        if rows is None:
            return self._by_eos()
        if self._eos_first:
            raise TokensError("--eos-first is for arrays without a .csv.gz or .idx")
        return self._by_rows(rows)

    def notes(self) -> list[str]:
        """One line for each kind of thing that was mended or left out."""
        if not self._count:
            return [f"no documents in its {len(self._ids):,} tokens: left out"]
        told = (
            (self._zeros, "zero tokens after the last document are left out"),
            (self._split, "documents have an end of text inside: each piece is a document"),
            (self._added, "documents had no end of text: it is added"),
            (self._empty, "documents without a token are left out"),
        )
        return [f"{number:,} {what}" for number, what in told if number]

    def _by_eos(self) -> Iterator[Document]:
        ids, start, end = self._ids, 0, len(self._ids)
        first = self._eos_first and end > 0 and ids[0] == self._eos
        if self._array.format == "raw" and not self._eos_first:
            end = end_without_zeros(ids, self._eos)
            self._zeros = len(ids) - end
        start = int(first)
        for border in self._borders(start, end):
            yield self._document(start, border)
            start = border
        if start < end or first:
            yield self._document(start, end)

    def _by_rows(self, rows: Iterator[Row]) -> Iterator[Document]:
        ids, start, size = self._ids, 0, len(self._ids)
        borders = self._borders(0, size)
        border = next(borders, size + 1)
        for row in rows:
            if row.start != start or row.end > size or row.end < start:
                raise TokensError(
                    f"document {row.id} is said to be tokens {row.start:,} to {row.end:,}; the one "
                    f"before ends at {start:,}, the array at {size:,}"
                )
            self._empty += row.end == start
            self._split += border < row.end
            while border < row.end:
                yield self._document(start, border, row)
                start, border = border, next(borders, size + 1)
            if start < row.end:
                yield self._document(start, row.end, row)
            start = row.end
            if border == start:
                border = next(borders, size + 1)
        self._zeros = size - start
        if _last_not_zero(ids) >= start:
            raise TokensError(f"{size:,} tokens, its rows end at {start:,}")

    def _document(self, start: int, end: int, row: Row | None = None) -> Document:
        self._count += 1
        path = self._array.path
        told = row or Row(start, end, f"{path.stem}:{self._count}", str(path), self._count)
        ids = self._ids[start:end]
        if not len(ids) or ids[-1] != self._eos:
            if not self._add_eos:
                raise TokensError(
                    f"document {told.id} ends with token {ids[-1]}, not with {self._eos} (end of "
                    "text): another is meant (--eos), or none was written (--add-eos)"
                )
            self._added += not self._eos_first
            ids = np.append(ids, np.array([self._eos], np.min_scalar_type(self._eos)))
        return Document(ids, told.id, told.src, told.loc)

    def _borders(self, start: int, end: int) -> Iterator[int]:
        """Behind each end of text in [start, end)."""
        for at in range(start, end, CHUNK_TOKENS):
            found = self._ids[at : min(end, at + CHUNK_TOKENS)] == self._eos
            yield from (np.flatnonzero(found) + (at + 1)).tolist()


def end_without_zeros(ids: Tokens, eos_id: int) -> int:
    """Where an array ends without the zeros that dolma leaves in a file it did not fill."""
    end = _last_not_zero(ids) + 1
    if end and eos_id == 0:
        return min(end + 1, len(ids))
    return len(ids) if end and ids[end - 1] != eos_id else end


def _last_not_zero(ids: Tokens) -> int:
    """Index of the last id that is not 0, or -1."""
    for end in range(len(ids), 0, -CHUNK_TOKENS):
        start = max(0, end - CHUNK_TOKENS)
        found = np.flatnonzero(ids[start:end])
        if len(found):
            return start + int(found[-1])
    return -1
