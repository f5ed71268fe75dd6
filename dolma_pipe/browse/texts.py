"""Texts of single documents: shards are read up to the line that is wanted, and on from there where
the next one that is asked for comes later."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.errors import InputError, UserError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.jit import I64
from dolma_pipe.recipe import Source
from dolma_pipe.remote import is_address
from dolma_pipe.stages.reread import Reread, reader_of
from dolma_pipe.work import Work, address

READERS = 4
"""Shards that stay open."""
HELD_BYTES = 64 << 20
"""Of documents that were read."""


class Document(NamedTuple):
    """A document as it stands in a file. raw: its JSON line."""

    id: str
    text: str
    raw: bytes


class _Line(msgspec.Struct):
    id: str
    text: str


_decode = msgspec.json.Decoder(_Line).decode


class _Input:
    """A shard of the input that is read forward. at: the last line that was taken."""

    at = 0

    def __init__(self, given: Reread) -> None:
        self._reader = reader_of(given)

    def take(self, wanted: I64) -> list[Document]:
        columns = self._reader.take(wanted).documents
        names = (columns.column(name).to_pylist() for name in ("id", "text", "raw"))
        return [Document(*fields) for fields in zip(*names, strict=True)]


class _Curated:
    """The same of a curated shard, by its rows."""

    at = -1

    def __init__(self, path: Path) -> None:
        self._lines = read_curated_lines(path)

    def take(self, wanted: I64) -> list[Document]:
        found, at = [], self.at
        for row in wanted.tolist():
            raw = next(islice(self._lines, row - at - 1, None), None)
            if raw is None:
                raise LookupError
            line, at = _decode(raw), row
            found.append(Document(line.id, line.text, raw))
        return found


class Texts:
    """Reads documents of inputs by line, and survivors of curation by row. Not for several threads
    at once."""

    def __init__(self, work: Work, max_document_bytes: int) -> None:
        self._work = work
        self._max_document_bytes = max_document_bytes
        self._open: OrderedDict[tuple[str, str], _Input | _Curated] = OrderedDict()
        self._held: OrderedDict[tuple[str, str, int], Document] = OrderedDict()
        self._bytes = 0

    def of_input(self, source: Source, shard: Input, lines: I64) -> list[Document]:
        """The documents of these lines (ascending). Raises UserError where the input is not there,
        or cannot be read so far."""

        def opened() -> _Input:
            if not is_address(shard.uri) and not Path(shard.uri).exists():
                told = "is not there: start from the folder in which the run was made"
                raise InputError(f"the input {shard.uri} {told}")
            return _Input(Reread(shard, source.read_as(shard), self._max_document_bytes))

        try:
            return self._taken(("input", shard.key), lines, opened)
        except LookupError as error:
            raise InputError(
                f"{shard.uri} is not the input of this run any more: {error}"
            ) from None
        except OSError as error:
            raise InputError(f"{shard.uri} cannot be read: {error.strerror or error}") from None

    def of_curated(self, key: str, rows: I64) -> list[Document]:
        """The survivors in these rows (ascending), as stages 1 to 3 left them. Raises WorkError."""
        path = self._work.curated(key)
        try:
            return self._taken(("curated", key), rows, lambda: _Curated(path))
        except (LookupError, OSError, msgspec.DecodeError):
            raise WorkError(f"{address(path)} has not these documents: run again") from None

    def _taken(
        self, which: tuple[str, str], wanted: I64, opened: Callable[[], _Input | _Curated]
    ) -> list[Document]:
        places = [(*which, number) for number in wanted.tolist()]
        missing = [k for k, place in enumerate(places) if place not in self._held]
        read = self._read(which, wanted[missing], opened) if missing else []
        found = dict(zip(missing, read, strict=True))
        documents = [found[k] if k in found else self._held[p] for k, p in enumerate(places)]
        for place, document in zip(places, documents, strict=True):
            self._hold(place, document)
        return documents

    def _read(
        self, which: tuple[str, str], wanted: I64, opened: Callable[[], _Input | _Curated]
    ) -> list[Document]:
        reading, documents = self._open.pop(which, None), None
        if reading is not None and reading.at < wanted[0]:
            # of a connection that was idle too long: once more, from the beginning
            with suppress(UserError, OSError, LookupError):
                documents = reading.take(wanted)
        if reading is None or documents is None:
            reading = opened()
            documents = reading.take(wanted)
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
