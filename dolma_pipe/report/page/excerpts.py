"""Examples with a stretch of their text: inputs are read once more for it, as far as needed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dolma_pipe.errors import UserError
from dolma_pipe.recipe import Source
from dolma_pipe.remote import is_address
from dolma_pipe.report.page.model import Example, Piece, Tone
from dolma_pipe.report.page.sample import Place, spans_of
from dolma_pipe.stages.reread import Reread, reader_of
from dolma_pipe.stored import Group

LENGTH = 400
"""Code points of a text that are shown."""
BEFORE = 120
"""Of them before the first match."""
MATCHES = 20
NAME = 200
"""Code points of an id."""
FAR = "its text lies too deep in its shard to be read again for this page"
CHANGED = "its input has changed since it was tagged"

Spans = Sequence[tuple[int, int]]


class Choice(NamedTuple):
    """A document to show. value: as Example; marked: columns of spans to mark in its text."""

    source: Source
    place: Place
    value: float | str | None
    legible: bool
    marked: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        return self.place.part.shard.key, self.place.line


Texts = dict[tuple[str, int], bytes | str]
"""By shard and line: the text, or why there is none."""


def texts_of(choices: Iterable[Choice], max_document_bytes: int) -> Texts:
    """Texts of the documents that are legible. A shard that cannot be read costs only its texts;
    of inputs elsewhere the first that fails stands for all of its source."""
    by_shard: dict[str, dict[int, Choice]] = {}
    for choice in choices:
        if choice.legible:
            by_shard.setdefault(choice.key[0], {})[choice.key[1]] = choice
    found: Texts = {}
    refused: dict[str, str] = {}
    for key, wanted in by_shard.items():
        one = next(iter(wanted.values()))
        name, shard = one.source.name, one.place.part.shard
        if name in refused:
            found |= {(key, line): refused[name] for line in wanted}
            continue
        given = Reread(shard, one.source.read_as(shard), max_document_bytes)
        why = _read(given, wanted, found)
        if why and is_address(shard.uri):
            refused[name] = why
    return found


def _read(given: Reread, wanted: dict[int, Choice], found: Texts) -> str:
    """Add the texts of one shard; why it cannot be read, if so."""
    why, key = "", given.shard.key
    try:
        reader = reader_of(given)
        for line in sorted(wanted):
            try:
                documents = reader.take(np.array([line])).documents
            except LookupError:
                break
            row = wanted[line].place.group.rows.slice(wanted[line].place.row, 1)
            text = documents.column("text")[0].as_py().encode()
            same = documents.column("id")[0].as_py() == row.column("id")[0].as_py()
            same = same and len(text) == row.column("bytes")[0].as_py()
            found[key, line] = text if same else CHANGED
    except (UserError, OSError, pa.ArrowException) as error:
        why = f"its input cannot be read: {' '.join(str(error).split())}"
    for line in wanted:
        found.setdefault((key, line), why or CHANGED)
    return why


def example_of(choice: Choice, texts: Texts) -> Example:
    """The document as it is shown."""
    part, group, row = choice.place
    cells = group.rows.slice(row, 1)
    text = texts.get(choice.key, FAR) if choice.legible else FAR
    spans = sorted(span for column in choice.marked for span in _spans(group, column, row))
    reason = cells.column("dropped_by")[0].as_py()
    return Example(
        id=shortened(cells.column("id")[0].as_py(), NAME),
        source=choice.source.name,
        shard=part.shard.key,
        line=choice.place.line,
        bytes=int(cells.column("bytes")[0].as_py()),
        value=choice.value,
        kept=reason is None,
        dropped_by=reason,
        pieces=() if isinstance(text, str) else excerpt(text, spans),
        note=text if isinstance(text, str) else "",
    )


def _spans(group: Group, column: str, row: int) -> list[tuple[int, int]]:
    found = spans_of(Group(group.path, group.rows.slice(row, 1), group.places), column)
    return list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))[:MATCHES]


def excerpt(text: bytes, spans: Spans = (), length: int = LENGTH) -> tuple[Piece, ...]:
    """A stretch of a text with its first spans marked (bytes, sorted by start): its beginning,
    where there are none."""
    start = 0
    if spans:
        before = text[: spans[0][0]].decode(errors="replace")
        start = len(before[: max(0, len(before) - BEFORE)].encode())
    end = start + len(text[start : start + 4 * length].decode(errors="ignore")[:length].encode())
    pieces, at = [Piece("…")] if start else [], start
    for first, last in spans:
        first, last = max(at, first), min(end, last)  # of several columns, they may overlap
        if first < last:
            pieces += _piece(text[at:first]), _piece(text[first:last], "match")
            at = last
    pieces.append(_piece(text[at:end]))
    if end < len(text):
        pieces.append(Piece("…"))
    return tuple(piece for piece in pieces if piece.text)


def _piece(text: bytes, tone: Tone = "plain") -> Piece:
    return Piece(text.decode(errors="replace"), tone)


def shortened(text: str, most: int) -> str:
    """At most so many code points, "…" for what is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"
