"""Texts of single documents: shards are read up to the line that is wanted, and on from there where
the next one that is asked for comes later."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.errors import InputError, UserError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.jit import I64
from dolma_pipe.recipe import Source
from dolma_pipe.remote import is_address
from dolma_pipe.shard import ShardReader
from dolma_pipe.stages.reread import Reread, reader_of
from dolma_pipe.work import Work, address

READERS = 4
"""Shards that stay open."""
HELD_BYTES = 64 << 20
"""Of documents that were read."""

Made = TypeVar("Made")


class Document(NamedTuple):
    """A document as it stands in a file. raw: its JSON line."""

    id: str
    text: str
    raw: bytes


class _Line(msgspec.Struct):
    id: str
    text: str


_decode = msgspec.json.Decoder(_Line).decode


class _Open:
    """A shard that is read forward. at: the last line or row that was taken."""

    def __init__(self, content: ShardReader | Iterator[bytes], before: int) -> None:
        self.content = content
        self.at = before


class Texts:
    """Reads documents of inputs by line, and survivors of curation by row. Not for several threads
    at once."""

    def __init__(self, work: Work, max_document_bytes: int) -> None:
        self._work = work
        self._max_document_bytes = max_document_bytes
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
        self._held: OrderedDict[tuple[str, str, int], Document] = OrderedDict()
        self._bytes = 0

    def of_input(self, source: Source, shard: Input, lines: I64) -> list[Document]:
        """The documents of these lines (ascending). Raises UserError where the input is not there,
        or cannot be read so far."""

        def opened() -> _Open:
            if not is_address(shard.uri) and not Path(shard.uri).exists():
                told = "is not there: start from the folder in which the run was made"
                raise InputError(f"the input {shard.uri} {told}")
            given = Reread(shard, source.read_as(shard), self._max_document_bytes)
            return _Open(reader_of(given), 0)

        def take(reading: _Open, wanted: I64) -> list[Document]:
            assert isinstance(reading.content, ShardReader)
            columns = reading.content.take(wanted).documents
            names = (columns.column(name).to_pylist() for name in ("id", "text", "raw"))
            return [Document(*fields) for fields in zip(*names, strict=True)]

        try:
            return self._taken(("input", shard.key), lines, opened, take)
        except LookupError as error:
            raise InputError(
                f"{shard.uri} is not the input of this run any more: {error}"
            ) from None
        except OSError as error:
            raise InputError(f"{shard.uri} cannot be read: {error.strerror or error}") from None

    def of_curated(self, key: str, rows: I64) -> list[Document]:
        """The survivors in these rows (ascending), as stages 1 to 3 left them. Raises WorkError."""

        def opened() -> _Open:
            return _Open(read_curated_lines(self._work.curated(key)), -1)

        def take(reading: _Open, wanted: I64) -> list[Document]:
            assert isinstance(reading.content, Iterator)
            found, at = [], reading.at
            for row in wanted.tolist():
                raw = next(islice(reading.content, row - at - 1, None), None)
                if raw is None:
                    raise LookupError
                line, at = _decode(raw), row
                found.append(Document(line.id, line.text, raw))
            return found

        try:
            return self._taken(("curated", key), rows, opened, take)
        except (LookupError, OSError, msgspec.DecodeError):
            path = address(self._work.curated(key))
            raise WorkError(f"{path} has not these documents: run again") from None

    def _taken(
        self,
        which: tuple[str, str],
        wanted: I64,
        opened: Callable[[], _Open],
        take: Callable[[_Open, I64], list[Document]],
    ) -> list[Document]:
        places = [(*which, number) for number in wanted.tolist()]
        missing = [k for k, place in enumerate(places) if place not in self._held]
        found = dict(zip(missing, self._read(which, wanted[missing], opened, take), strict=True))
        documents = [found[k] if k in found else self._held[p] for k, p in enumerate(places)]
        for place, document in zip(places, documents, strict=True):
            self._hold(place, document)
        return documents

    def _read(
        self,
        which: tuple[str, str],
        wanted: I64,
        opened: Callable[[], _Open],
        take: Callable[[_Open, I64], list[Document]],
    ) -> list[Document]:
        if not len(wanted):
            return []
        reading = self._open.pop(which, None)
        if reading is not None and reading.at < wanted[0]:
            try:
                return self._on(which, reading, wanted, take)
            except (UserError, OSError, LookupError):
                pass  # a connection that was idle too long: once more, from the beginning
        return self._on(which, opened(), wanted, take)

    def _on(
        self,
        which: tuple[str, str],
        reading: _Open,
        wanted: I64,
        take: Callable[[_Open, I64], list[Document]],
    ) -> list[Document]:
        documents = take(reading, wanted)
        reading.at = int(wanted[-1])
        self._open[which] = reading
        while len(self._open) > READERS:
            self._open.popitem(last=False)
        return documents

    def _hold(self, place: tuple[str, str, int], document: Document) -> None:
        if (before := self._held.pop(place, None)) is not None:
            self._bytes -= len(before.raw)
        self._held[place] = document
        self._bytes += len(document.raw)
        while self._bytes > HELD_BYTES and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            self._bytes -= len(gone.raw)


def one(number: int) -> I64:
    """A line or row alone."""
    return np.array([number], np.int64)
