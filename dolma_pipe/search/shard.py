"""One file searched: its documents that match, and how many there are of what."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.document import BadLine, Document, parse
from dolma_pipe.formats.open import open_format
from dolma_pipe.formats.reading import Format, Reading
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.jit import I32
from dolma_pipe.remote import stored_name
from dolma_pipe.search.automaton import table_of
from dolma_pipe.search.blocks import Sieve, sieved
from dolma_pipe.search.query import ID, TEXT, GaveUp, Query
from dolma_pipe.search.texts import TextSieve
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
    wanted: Literal["spans", "counts", "documents"] = "spans"
    """`counts`: no spans. `documents`: no counts of matches either."""
    sieves: bool = True
    """Whether lines that cannot match are found without parsing them, by kernels whose start takes
    longer than parsing some megabytes."""
    reading: Reading = Reading()
    max_document_bytes: int = 16 << 20

    def matches(self, value: str) -> tuple[int, list[tuple[int, int]]]:
        """How many there are, and where they stand, as far as it is wanted. Raises GaveUp."""
        if self.wanted == "documents" or self.invert:
            return int(self.query.matches(value)), []
        if self.wanted == "counts":
            return self.query.count(value), []
        spans = self.query.spans(value)
        return len(spans), spans


def search(shard: Input, asked: Search, counts: Counts) -> Iterator[Found]:
    """The documents of a file that match, in its order; counts grow on the way.

    Raises InputError where the file cannot be read at all.
    """
    reading = msgspec.structs.replace(asked.reading, format=shard.format)
    name = Path(stored_name(shard.uri)).name
    sieves = asked.sieves and not asked.invert and not reading.messages
    table = _table_of(asked.query) if sieves else None
    most = asked.max_document_bytes
    if table is not None and shard.format == "jsonl":
        lines = _sieved(shard.uri, table, asked.query, most)
    else:
        of_text = table if asked.query.field == TEXT else None
        lines = _parsed(open_format(shard.uri, reading, most), of_text)
    try:
        with asked.query.limited():
            for number, got in lines:
                counts.lines = number
                if isinstance(got, str):
                    counts.refuse(got)
                elif got is not None:
                    document, raw = got
                    if document.id is None:
                        document.id = f"{name}:{number}"
                    yield from _found(number, document, raw, asked, counts)
    except Damaged as damage:
        counts.refuse(str(damage))


def _found(
    number: int, document: Document, raw: bytes, asked: Search, counts: Counts
) -> Iterator[Found]:
    value = asked.query.value(document, raw)
    try:
        matches, spans = (0, []) if value is None else asked.matches(value)
    except GaveUp:
        counts.refuse(f"not searched to its end in {asked.query.seconds:g} CPU seconds")
        return
    if bool(matches) != asked.invert:
        counts.documents += 1
        counts.matches += matches
        yield Found(number, str(document.id), value or "", spans)


Got = tuple[int, tuple[Document, bytes] | str | None]
"""Number of a line; its document, or why it is none, or None where that is not known."""


def _sieved(uri: str, table: I32, query: Query, most: int) -> Iterator[Got]:
    names = "".join(path.split(".")[-1] + "\n" for path in query.paths).encode()
    sieve = Sieve(table, np.frombuffer(names, np.uint8), 0.5 if query.regex is None else 0.9)
    for record in sieved(ByteStream(uri), sieve, most):
        if record.fault is None and record.content is None:
            yield record.number, None
        else:
            yield record.number, _document(record, lambda line: parse(line.content))


def _parsed(opened: Format, table: I32 | None) -> Iterator[Got]:
    sieve = TextSieve(table) if table is not None else None
    for record in opened.records():
        if record.fault is None and sieve is not None and not sieve.may_match(record.content):
            yield record.number, None
        else:
            yield record.number, _document(record, opened.parse)


def _document(record: Record, parsed: Callable[[Record], Any]) -> tuple[Document, bytes] | str:
    if record.fault is not None:
        return record.fault
    try:
        document, raw, _ = parsed(record)
    except BadLine as bad:
        return str(bad)
    return document, raw


@lru_cache(maxsize=4)
def _table_of(query: Query) -> I32 | None:
    """None where every line must be parsed; an id may be a number, or be made of file and line."""
    return None if query.field == ID else table_of(query.pattern)
