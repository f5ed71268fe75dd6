"""Examples with a stretch of their text: inputs are read once more for it, as far as needed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from dolma_pipe.errors import UserError
from dolma_pipe.recipe import Source
from dolma_pipe.remote import is_address
from dolma_pipe.report.page.marks import Mark, marks_of
from dolma_pipe.report.page.model import Example, Piece, RulePanel, SpanCount
from dolma_pipe.report.page.sample import Place, Sample, spans_of
from dolma_pipe.stages.reread import Reread, reader_of
from dolma_pipe.tagger import Spans

LENGTH = 400
"""Code points of a text that are shown."""
BEFORE = 120
"""Of them before the first match."""
NAME = 200
"""Code points of an id."""
FAR = "its text lies too deep in its shard to be read again for this page"
CHANGED = "its input has changed since it was tagged"

Key = tuple[str, int]
"""Of a shard, and a line of it."""


class Choice(NamedTuple):
    """A document to show. value: as Example; marked: columns of spans that it is shown for; hidden:
    as Sample."""

    source: Source
    place: Place
    value: float | str | None
    legible: bool
    marked: tuple[str, ...]
    hidden: Mapping[str, str]

    @property
    def key(self) -> Key:
        return self.place.part.shard.key, self.place.line


def choice_of(sample: Sample, row: int, value: float, marked: tuple[str, ...]) -> Choice:
    """A document of the sample."""
    [place] = sample.places([row])
    return Choice(sample.source, place, value, bool(sample.legible[row]), marked, sample.hidden)


Panel = TypeVar("Panel", RulePanel, SpanCount)


class Draft(NamedTuple, Generic[Panel]):
    """A panel without its examples, and which they are."""

    panel: Panel
    choices: tuple[Choice, ...]


Texts = dict[Key, bytes | str]
"""The text, or why there is none."""


class Shown(NamedTuple):
    """What examples are made of. spans: of columns that the run has not looked for in a document,
    as it had dropped it before."""

    texts: Texts
    spans: dict[tuple[Key, str], Spans]


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


def filled(draft: Draft[Panel], shown: Shown) -> Panel:
    """The panel with its examples."""
    return replace(draft.panel, examples=tuple(_example(one, shown) for one in draft.choices))


def _example(choice: Choice, shown: Shown) -> Example:
    """The document as it is shown."""
    part, group, row = choice.place
    cells = group.rows.slice(row, 1)
    text = shown.texts.get(choice.key, FAR) if choice.legible else FAR
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
        pieces=() if isinstance(text, str) else _marked(text, choice, shown),
        note=text if isinstance(text, str) else "",
    )


def _marked(text: bytes, choice: Choice, shown: Shown) -> tuple[Piece, ...]:
    """An excerpt about the first span that the document is shown for."""
    group = choice.place.group.row(choice.place.row)
    spans = {
        column: shown.spans.get((choice.key, column), spans_of(group, column))
        for column in dict.fromkeys((*choice.hidden, *choice.marked))
    }
    firsts = [int(spans[column].starts[0]) for column in choice.marked if len(spans[column].starts)]
    masks = {mask.column: mask.replacement for mask in choice.source.masks}
    return excerpt(text, marks_of(spans, choice.hidden, masks), min(firsts, default=None))


def excerpt(
    text: bytes, marks: Sequence[Mark] = (), about: int | None = None, length: int = LENGTH
) -> tuple[Piece, ...]:
    """A stretch of a text with its marks, which are sorted and apart: its beginning, or what stands
    about a byte of it."""
    start = 0
    if about is not None:
        before = text[:about].decode(errors="replace")
        start = len(before[: max(0, len(before) - BEFORE)].encode())
    end = start + len(text[start : start + 4 * length].decode(errors="ignore")[:length].encode())
    pieces, at = [Piece("…")] if start else [], start
    for mark in marks:
        first, last = max(at, mark.start), min(end, mark.end)
        if first < last:
            held = _piece(text[first:last]).text if mark.text is None else mark.text
            pieces += _piece(text[at:first]), Piece(held, mark.tone)
            at = last
    pieces.append(_piece(text[at:end]))
    if end < len(text):
        pieces.append(Piece("…"))
    return tuple(piece for piece in pieces if piece.text)


def _piece(text: bytes) -> Piece:
    return Piece(text.decode(errors="replace"))


def shortened(text: str, most: int) -> str:
    """At most so many code points, "…" for what is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"
