"""How large the batches of an Arrow file are once they are decompressed: told by the file, before
pyarrow allocates what it says.

Flatbuffers of Apache Arrow's Message.fbs and File.fbs, read as far as their buffers.
"""

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.formats.source import Source

MAGIC = b"ARROW1"
CONTINUES = b"\xff\xff\xff\xff"
LARGEST_METADATA = 1 << 26
"""Bytes: of a message, and of the footer."""
DICTIONARY, RECORDS = 2, 3
"""Kinds of messages that have a body."""


class Batch(NamedTuple):
    """Bytes of a batch or dictionary that is compressed, decompressed and in the file; 0 of any
    other, and of a damaged one."""

    size: int = 0
    stored: int = 0


class Table(NamedTuple):
    """A table of a flatbuffer; its fields are numbered from 0. struct.error: it is damaged."""

    content: bytes
    at: int

    @classmethod
    def root(cls, content: bytes) -> "Table":
        return cls(content, *struct.unpack_from("<I", content))

    def place(self, field: int) -> int | None:
        """Where the value of a field stands; None where it is not there."""
        offsets = self.at - self.number("<i", self.at)
        entry = 4 + 2 * field
        if entry >= self.number("<H", offsets):
            return None
        offset = self.number("<H", offsets + entry)
        return self.at + offset if offset else None

    def number(self, kind: str, at: int) -> int:
        if at < 0:
            raise struct.error("outside of the flatbuffer")
        [number] = struct.unpack_from(kind, self.content, at)
        return int(number)

    def value(self, field: int, kind: str) -> int:
        """A number, 0 by default."""
        at = self.place(field)
        return 0 if at is None else self.number(kind, at)

    def table(self, field: int) -> "Table | None":
        at = self.place(field)
        return None if at is None else Table(self.content, at + self.number("<I", at))

    def structs(self, field: int, kind: str) -> Iterator[tuple[int, ...]]:
        """The elements of a vector."""
        at = self.place(field)
        if at is None:
            return
        at += self.number("<I", at)
        for i in range(self.number("<I", at)):
            yield struct.unpack_from(kind, self.content, at + 4 + i * struct.calcsize(kind))


def batch_sizes(source: Source) -> Iterator[Batch]:
    """Of each batch and dictionary. Raises struct.error where no more of them can be found."""
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    is_file = source.read(len(MAGIC)) == MAGIC
    for place in _blocks(source, size) if is_file else _in_order(source, size):
        try:
            yield _decompressed(source, size, place)
        except struct.error:
            yield Batch()


def _blocks(source: Source, size: int) -> Iterator[int]:
    """Where messages begin, as the footer says."""
    end = size - len(MAGIC) - 4
    content = _read(source, size, end, 4)
    length = int.from_bytes(content, "little")
    footer = Table.root(_read(source, size, end - length, length))
    for field in (2, 3):  # dictionaries, recordBatches
        for offset, *_ in footer.structs(field, "<qi4xq"):
            yield offset


def _in_order(source: Source, size: int) -> Iterator[int]:
    """Where messages begin, one behind the other."""
    at = 0
    while at < size and (message := _message(source, size, at)) is not None:
        yield at
        table, body = message
        at = body + max(0, table.value(3, "<q"))


def _message(source: Source, size: int, at: int) -> tuple[Table, int] | None:
    """A message and where its body begins; None at the end of a stream."""
    head = _read(source, size, at, 8)
    if head.startswith(CONTINUES):
        head, at = head[4:], at + 4
    length = int.from_bytes(head[:4], "little")
    return (Table.root(_read(source, size, at + 4, length)), at + 4 + length) if length else None


def _decompressed(source: Source, size: int, at: int) -> Batch:
    message = _message(source, size, at)
    if message is None:
        return Batch()
    table, body = message
    kind, batch = table.value(1, "<B"), table.table(2)
    if kind == DICTIONARY and batch is not None:
        batch = batch.table(1)
    if kind not in (DICTIONARY, RECORDS) or batch is None or batch.place(3) is None:
        return Batch()
    total = 0
    for offset, length in batch.structs(2, "<qq"):
        if length > 8:
            told = _read(source, size, body + offset, 8)
            total += max(0, int.from_bytes(told, "little", signed=True))
    return Batch(total, min(max(0, table.value(3, "<q")), size - body))


def _read(source: Source, size: int, at: int, length: int) -> bytes:
    if length > LARGEST_METADATA or not 0 <= at <= size - length:
        raise struct.error("outside of the file")
    source.seek(at)
    return source.read(length)
