"""Lists of documents in whose text something stands: read and looked through, some megabytes a
request."""

import re
from collections.abc import Iterator

import numpy as np

from dolma_pipe.browse.listing import LOOKED, Chosen, Listing, Row, groups, shards_from, told
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import Piece, visible
from dolma_pipe.browse.question import Cursor, Question
from dolma_pipe.errors import InputError
from dolma_pipe.kernels.jit import I64

SEARCHED_BYTES = 16 << 20
"""Text that a request reads before it says how far it has come."""
AT_ONCE = 1 << 20
"""Text that is read at once."""
AROUND = 60
"""Code points before and after what was found."""


def pattern(text: str) -> re.Pattern[str]:
    """What finds a text, large or small letters."""
    return re.compile(re.escape(text), re.IGNORECASE)


def list_with_text(opened: Opened, asked: Question) -> Listing:
    """In the order of the input. Of what stages 1 to 3 kept their text is searched, of the others
    that of the input; where one is not there any more, a note says so."""
    wanted, notes = pattern(asked.text), list[str]()
    rows: list[Row] = []
    looked, read, at = 0, 0, asked.after
    for place, after in shards_from(opened, asked, asked.after):
        for group, chosen in groups(opened, place, asked, after):
            for some in _portions(chosen):
                for row, text in _texts(opened, place, chosen, some, notes):
                    match = wanted.search(text)
                    if match and len(rows) == asked.limit:
                        return told(opened, asked, rows, at, notes=notes)
                    if match:
                        found = chosen.row(row)
                        found.excerpt = excerpt(text, *match.span())
                        rows.append(found)
                        at = Cursor(place, int(chosen.lines[row]))
                read += int(chosen.sizes[some].sum())
                if read >= SEARCHED_BYTES:
                    at = Cursor(place, int(chosen.lines[some[-1]]))
                    full = len(rows) == asked.limit
                    return told(opened, asked, rows, at, full=full, notes=notes)
            looked += len(group)
            if looked >= LOOKED:
                at = Cursor(place, int(chosen.lines[-1]))
                full = len(rows) == asked.limit
                return told(opened, asked, rows, at, full=full, notes=notes)
    return told(opened, asked, rows, None, notes=notes)


def _portions(chosen: Chosen) -> Iterator[I64]:
    """Rows, about AT_ONCE bytes of them at a time."""
    if not len(chosen.rows):
        return
    ends = np.cumsum(chosen.sizes[chosen.rows])
    yield from np.split(chosen.rows, np.flatnonzero(np.diff(ends // AT_ONCE)) + 1)


def _texts(
    opened: Opened, place: int, chosen: Chosen, rows: I64, notes: list[str]
) -> Iterator[tuple[int, str]]:
    """Of each row, in order, the text."""
    source, shard, _ = opened.shards[place]
    texts: dict[int, str] = {}
    kept, others = rows[chosen.kept[rows]], rows[~chosen.kept[rows]]
    if len(kept):
        places = np.searchsorted(opened.survivors(shard.key), chosen.lines[kept])
        documents = opened.texts.of_curated(shard.key, places)
        texts |= {row: d.text for row, d in zip(kept.tolist(), documents, strict=True)}
    if len(others):
        try:
            documents = opened.texts.of_input(source, shard, chosen.lines[others])
            texts |= {row: d.text for row, d in zip(others.tolist(), documents, strict=True)}
        except InputError as error:
            note = f"dropped documents of {shard.key} are not searched: {error}"
            if note not in notes:
                notes.append(note)
    yield from sorted(texts.items())


def excerpt(text: str, start: int, end: int) -> list[Piece]:
    """What was found, with what stands around it, in one line."""
    before = text[max(0, start - AROUND) : start].replace("\n", " ")
    after = text[end : end + AROUND].replace("\n", " ")
    pieces = [*visible(before.lstrip()), *visible(text[start:end], (0,)), *visible(after.rstrip())]
    if start > AROUND:
        pieces.insert(0, Piece("…"))
    return [*pieces, Piece("…")] if end + AROUND < len(text) else pieces
