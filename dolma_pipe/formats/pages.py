"""How large the pages of a Parquet file are once they are decompressed: told by their headers,
before pyarrow allocates what they say."""

import io
from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.formats.source import Source

WINDOW = 1 << 12
"""Bytes in which a header is expected."""
LARGEST_HEADER = 1 << 24
"""Bytes; the limit of pyarrow itself."""

_DICTIONARY = 2
_TRUTH, _INTEGERS, _BINARY, _STRUCT = (1, 2), (4, 5, 6), 8, 12
"""Types of Thrift's compact protocol."""


class NoPage(Exception):
    """What stands there is no header of a page."""


class Page(NamedTuple):
    """Bytes of the header, of the content as it is stored, and decompressed."""

    header: int
    stored: int
    size: int
    is_dictionary: bool


def pages(source: Source, begin: int, end: int) -> Iterator[Page]:
    """The pages of a column chunk that lies there in a file. Raises NoPage."""
    if not 0 <= begin <= source.seek(0, io.SEEK_END):
        raise NoPage("a column that lies outside of the file")
    while begin < end:
        size = WINDOW
        while True:
            source.seek(begin)
            head = source.read(min(size, end - begin))
            try:
                page = _page(head)
                break
            except (IndexError, RecursionError):
                if len(head) < size or size > LARGEST_HEADER:
                    raise NoPage("a header of a page does not end") from None
                size *= 16
        yield page
        begin += page.header + page.stored


def _page(head: bytes) -> Page:
    """PageHeader of parquet.thrift, in Thrift's compact protocol: field 1 is its type, 2 and
    3 are its sizes."""
    found = {1: -1, 2: -1, 3: -1}
    at = number = 0
    while head[at] != 0:
        number, kind, at = _field(head, at, number)
        if number in found and kind in _INTEGERS:
            value, at = _varint(head, at)
            found[number] = (value >> 1) ^ -(value & 1)
        else:
            at = _behind(head, at, kind)
    if min(found.values()) < 0:
        raise NoPage("a page without a type or a size")
    return Page(at + 1, found[3], found[2], found[1] == _DICTIONARY)


def _field(head: bytes, at: int, before: int) -> tuple[int, int, int]:
    """Number and type of the field whose head begins here, and where its value does."""
    delta, kind = head[at] >> 4, head[at] & 15
    if delta:
        return before + delta, kind, at + 1
    value, at = _varint(head, at + 1)
    return (value >> 1) ^ -(value & 1), kind, at


def _varint(head: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (head[at] & 127) << shift
        shift += 7
        at += 1
        if head[at - 1] < 128:
            return value, at
        if shift > 63:
            raise NoPage("a number of more than 64 bits")


def _behind(head: bytes, at: int, kind: int) -> int:
    """Where a value ends, of the types that a header has."""
    if kind in _TRUTH:
        return at
    if kind in _INTEGERS:
        return _varint(head, at)[1]
    if kind == _BINARY:
        size, at = _varint(head, at)
        return at + size
    if kind == _STRUCT:
        number = 0
        while head[at] != 0:
            number, inner, at = _field(head, at, number)
            at = _behind(head, at, inner)
        return at + 1
    raise NoPage(f"a header with a value of type {kind}")
