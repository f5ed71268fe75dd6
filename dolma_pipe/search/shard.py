"""One file searched: its documents that match, and how many there are of what."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from dolma_pipe.document import BadLine, Document, parse
from dolma_pipe.formats.open import open_format
from dolma_pipe.formats.reading import Format, Reading
from dolma_pipe.inputs import Input
from dolma_pipe.remote import stored_name
from dolma_pipe.search.blocks import sieved
from dolma_pipe.search.query import ID, GaveUp, Query
from dolma_pipe.search.required import required
from dolma_pipe.search.sieve import Sieve
from dolma_pipe.stream import ByteStream, Damaged, Record


class Counts(msgspec.Struct):
    """Of one file, or of several. lines: up to the last that was read, blank ones included. bad:
    reason -> lines that are no documents, among those that were parsed."""

    matches: int = 0
    documents: int = 0
    lines: int = 0
    bad: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, other: "Counts") -> None:
        self.matches += other.matches
        self.documents += other.documents
        self.lines += other.lines
        for reason, count in other.bad.items():
            self.refuse(reason, count)

    def refuse(self, reason: str, count: int = 1) -> None:
        self.bad[reason] = self.bad.get(reason, 0) + count


class Found(NamedTuple):
    """A document that matches. value: the string that was searched, spans in code points of it;
    none where documents are wanted that do not match."""

    line: int
    id: str
    value: str
    spans: list[tuple[int, int]]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and how files are read."""

    query: Query
    invert: bool = False
    reading: Reading = Reading()
    max_document_bytes: int = 16 << 20


def search(shard: Input, asked: Search, counts: Counts) -> Iterator[Found]:
    """The documents of a file that match, in its order; counts grow on the way.

    Raises InputError where the file cannot be read at all.
    """
    reading = msgspec.structs.replace(asked.reading, format=shard.format)
    name = Path(stored_name(shard.uri)).name
    sieve = None if asked.invert or reading.messages else _sieve_of(asked.query)
    most = asked.max_document_bytes
    try:
        if sieve is not None and shard.format == "jsonl":
            lines = _sieved(shard.uri, sieve, most)
        else:
            lines = _parsed(open_format(shard.uri, reading, most))
        for number, got in lines:
            counts.lines = number
            if isinstance(got, str):
                counts.refuse(got)
            elif got is not None:
                document, raw = got
                if document.id is None:
                    document.id = f"{name}:{number}"
                value = asked.query.value(document, raw)
                try:
                    spans = [] if value is None else asked.query.spans(value)
                except GaveUp:
                    counts.refuse(f"not searched to its end in {asked.query.seconds:g} CPU seconds")
                    continue
                if bool(spans) != asked.invert:
                    counts.documents += 1
                    counts.matches += len(spans)
                    yield Found(number, str(document.id), value or "", spans)
    except Damaged as damage:
        counts.refuse(str(damage))


Got = tuple[int, tuple[Document, bytes] | str | None]
"""Number of a line; its document, or why it is none, or None where that is not known."""


def _sieved(uri: str, sieve: Sieve, most: int) -> Iterator[Got]:
    for record in sieved(ByteStream(uri), sieve, most):
        if record.fault is None and record.content is None:
            yield record.number, None
        else:
            yield record.number, _document(record)


def _document(record: Record) -> tuple[Document, bytes] | str:
    if record.fault is not None:
        return record.fault
    try:
        document, raw, _ = parse(record.content)
    except BadLine as bad:
        return str(bad)
    return document, raw


def _parsed(opened: Format) -> Iterator[Got]:
    for record in opened.records():
        if record.fault is not None:
            yield record.number, record.fault
            continue
        try:
            document, raw, _ = opened.parse(record)
        except BadLine as bad:
            yield record.number, str(bad)
        else:
            yield record.number, (document, raw)


@lru_cache(maxsize=4)
def _sieve_of(query: Query) -> Sieve | None:
    """None where every line must be parsed; an id may be a number, or be made of file and line."""
    runs = None if query.field == ID else required(query.pattern)
    return None if runs is None else Sieve(runs)
