"""One document as a page shows it: what is known of it, and a stretch of its text in pieces."""

from typing import Literal, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.browse.opened import Opened, Shard
from dolma_pipe.browse.pieces import Mark, Piece, border, pieces_of, visible
from dolma_pipe.browse.question import Refused
from dolma_pipe.browse.searching import pattern
from dolma_pipe.browse.texts import Document, one
from dolma_pipe.codepoints import spans_in_bytes
from dolma_pipe.cuts import read_cuts
from dolma_pipe.errors import UserError
from dolma_pipe.report.explain import Explained, Score, score_of, verdicts_of
from dolma_pipe.report.fate import Fate, Gone, fate_of
from dolma_pipe.report.shifted import Stretches, in_curated
from dolma_pipe.stages.mix.plan import HELD_OUT
from dolma_pipe.stored import Group
from dolma_pipe.tagger import Spans
from dolma_pipe.work import exists

View = Literal["input", "curated"]
STRETCH = 100_000
"""Bytes of a text that are shown at once."""
BEFORE = 2_000
"""Bytes before the first place that was searched."""
METADATA = 5_000
"""Code points of the other fields that are shown."""
MARKS = 20_000
"""Spans that are marked in a stretch."""


class Marked(msgspec.Struct):
    """A column of spans, "cut" or "search": how many there are, of how many bytes."""

    column: str
    spans: int
    bytes: int


class Text(msgspec.Struct):
    """bytes: of all of it; start, end: of what is shown, in bytes. marks: what the numbers of the
    pieces mean. views: which texts there are; note: why it is missing, or not marked."""

    view: View
    views: list[View]
    bytes: int
    start: int
    end: int
    pieces: list[Piece]
    marks: list[Marked]
    note: str = ""


class Shown(msgspec.Struct):
    """A document. unscored: columns that were not looked at, as it was dropped before. held_out:
    whether it stands in held_out/. metadata: the other fields of its line."""

    explained: Explained
    unscored: list[str]
    gone: list[Gone]
    held_out: bool
    text: Text
    metadata: list[Piece]
    row: int | None


class BadLine(msgspec.Struct):
    """A line of the input that is no document."""

    shard: str
    uri: str
    line: int
    reason: str
    pieces: list[Piece]


class Wanted(NamedTuple):
    """view: None for the later of those there are; start: byte, None where the search begins."""

    key: str
    line: int
    view: View | None
    start: int | None
    find: str


def bad_line(opened: Opened, key: str, line: int) -> BadLine:
    """A line in quarantine. Raises Refused where there is none."""
    place = opened.place(key)
    for bad in opened.run.quarantined(key) if place is not None else ():
        if bad.line == line:
            uri = opened.shards[place or 0].shard.uri
            return BadLine(key, uri, line, bad.reason, list(visible(bad.excerpt)))
    raise Refused(404, f"no line {line} of {key[:80]!a} is quarantined")


def line_of(opened: Opened, key: str, row: int) -> int:
    """Of a survivor of curation, as stage 4 names it. Raises Refused."""
    if opened.place(key) is None or exists(opened.work.indexed(key)):
        raise Refused(
            404, f"no text: {key[:80]!a} is a shard of an earlier run, known by its index"
        )
    lines = opened.survivors(key)
    if row >= len(lines):
        raise Refused(404, f"{key} has no row {row}")
    return int(lines[row])


def shown(opened: Opened, wanted: Wanted) -> Shown:
    """A document by shard and line. Raises Refused where there is none."""
    place = opened.place(wanted.key)
    if place is None:
        raise Refused(404, f"no shard {wanted.key[:80]!a} in this run")
    stored = opened.attributes(wanted.key).row(wanted.line)
    if stored is None:
        raise Refused(404, f"no document in line {wanted.line} of {wanted.key}")
    shard = opened.shards[place]
    name = stored.array("id")[0].as_py()
    fate = fate_of(opened.run.recipe, opened.work, opened.removed, wanted.key, wanted.line, name)
    row = _row(opened, wanted)
    text, raw = _text(opened, shard, stored, row, wanted)
    return Shown(
        explained=_explained(shard, stored, fate),
        unscored=[c for c in opened.columns() if c in stored.places and not stored.scored(c)[0]],
        gone=fate.gone,
        held_out=fate.copies == HELD_OUT,
        text=text,
        metadata=_metadata(raw),
        row=row,
    )


def _row(opened: Opened, wanted: Wanted) -> int | None:
    """Of its curated shard, if it came so far."""
    lines = opened.survivors(wanted.key)
    row = int(np.searchsorted(lines, wanted.line))
    return row if row < len(lines) and lines[row] == wanted.line else None


def _explained(shard: Shard, stored: Group, fate: Fate) -> Explained:
    """As `dolma-pipe explain` tells it, from what is stored alone."""
    scored = [column for column in sorted(stored.places) if stored.scored(column)[0]]
    scores: list[Score] = []
    for column in scored:
        told = score_of(column, stored.column(column), b"", "stored")
        told.matches = []
        scores.append(told)
    values = {score.column: score.value for score in scores}
    dropped_by = stored.array("dropped_by")[0].as_py()
    rules = tuple(rule for rule in shard.source.rules if rule.column in values)
    return Explained(
        id=stored.array("id")[0].as_py(),
        source=shard.source.name,
        shard=shard.key,
        uri=shard.shard.uri,
        line=int(stored.lines[0]),
        bytes=int(stored.sizes[0]),
        excerpt="",
        tagged=True,
        dropped_by=dropped_by,
        scores=scores,
        verdicts=verdicts_of(rules, values, dropped_by),
        duplicate=fate.duplicate,
        kept_for=fate.kept_for,
        cuts=fate.cuts,
        notes=fate.notes,
        copies=fate.copies,
    )


def _text(
    opened: Opened, shard: Shard, stored: Group, row: int | None, wanted: Wanted
) -> tuple[Text, bytes]:
    """The text that is asked for, and the whole line. Where the input is gone, a note says so."""
    views: list[View] = ["input"] if row is None else ["curated", "input"]
    view = wanted.view if wanted.view in views else views[0]
    try:
        document = _read(opened, shard, stored, row if view == "curated" else None)
    except UserError as error:
        return Text(view, views, int(stored.sizes[0]), 0, 0, [], [], str(error)), b"{}"
    text = document.text.encode()
    marks, note = _marks(shard, stored, text, view)
    if row is not None and view == "curated":
        marks["cut"] = _cuts(opened, shard.key, row)
    if wanted.find:
        marks["search"] = _found(document.text, wanted.find)
    found = marks.get("search") or []
    start = wanted.start
    if start is None:
        start = found[0][0] - BEFORE if found and found[0][1] > STRETCH else 0
    start = border(text, min(start, len(text)))
    end = border(text, start + STRETCH)
    names = [name for name, spans in marks.items() if spans]
    spans = [Mark(k, *span) for k, name in enumerate(names) for span in marks[name]]
    inside = [mark for mark in spans if mark.start < end and mark.end > start]
    if len(inside) > MARKS:
        note = f"only the first {MARKS:,} of {len(inside):,} spans are marked"
        inside = sorted(inside, key=lambda mark: mark.start)[:MARKS]
    told = [Marked(name, len(marks[name]), sum(b - a for a, b in marks[name])) for name in names]
    pieces = pieces_of(text, start, end, inside)
    return Text(view, views, len(text), start, end, pieces, told, note), document.raw


def _read(opened: Opened, shard: Shard, stored: Group, row: int | None) -> Document:
    """Raises UserError where it is not there, or not the document that was tagged."""
    if row is not None:
        return opened.texts.of_curated(shard.key, one(row))[0]
    [document] = opened.texts.of_input(shard.source, shard.shard, stored.lines)
    if document.id != stored.array("id")[0].as_py():
        raise UserError(f"{shard.shard.uri} is not the input of this run any more")
    return document


def _marks(
    shard: Shard, stored: Group, text: bytes, view: View
) -> tuple[dict[str, Stretches], str]:
    """Spans of each column, in bytes of this text. Taggers have seen that of the input."""
    found: dict[str, Stretches] = {}
    spans = {}
    for name in sorted(stored.places):
        column = stored.column(name)
        if isinstance(column, Spans) and len(column.starts):
            spans[name] = column
            found[name] = list(zip(column.starts.tolist(), column.ends.tolist(), strict=True))
    size = int(stored.sizes[0])
    if view == "input":
        return (found, "") if len(text) == size else ({}, "this is not the text that was tagged")
    shifted = in_curated(spans, shard.source.masks, len(text) - size)
    if shifted is None:
        return {}, "spans are marked in the text of the input alone"
    return shifted, ""


def _cuts(opened: Opened, key: str, row: int) -> Stretches:
    """What stage 4 cuts out of it."""
    later = opened.later(key)
    if later is None or not later.cut[row] or not exists(opened.work.cuts(key)):
        return []
    cuts = read_cuts(opened.work.cuts(key), len(later.lines)).of(one(row))
    return list(zip(cuts.starts.tolist(), cuts.ends.tolist(), strict=True))


def _found(text: str, wanted: str) -> Stretches:
    """In bytes."""
    found = pattern(wanted).finditer(text)
    return list(spans_in_bytes(text, (match.span() for match in found)))


def _metadata(raw: bytes) -> list[Piece]:
    """The line without its text, readable."""
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    fields.pop("text", None)
    if not fields:
        return []
    readable = msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()
    more = "\n…" if len(readable) > METADATA else ""
    return list(visible(readable[:METADATA] + more))
