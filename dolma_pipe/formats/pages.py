"""How large the pages of a Parquet file are once they are decompressed: told by their headers,
before pyarrow allocates what they say."""

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from dolma_pipe.formats.source import Source

WINDOW = 1 << 12
"""Bytes in which a header is expected."""
LARGEST_HEADER = 1 << 24
"""Bytes; the limit of pyarrow itself."""

_DICTIONARY = 2
_TRUTH, _INTEGERS, _BINARY, _STRUCT = (1, 2), (4, 5, 6), 8, 12
"""Types of values."""


class NoPage(Exception):
    """What stands there is no header of a page."""


class Page(NamedTuple):
    """Bytes of the header, of the content as it is stored, and decompressed; its values."""

    header: int
    stored: int
    size: int
    values: int
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
    """PageHeader of parquet.thrift: its type, sizes, and the header of data, of two versions."""
    found, end = _struct(head, 0)
    try:
        kind, size, stored = (found[number] for number in (1, 2, 3))
    except KeyError:
        raise NoPage("a page without a type or a size") from None
    data = found.get(5) or found.get(8) or {}
    values = data.get(1, 0) if isinstance(data, dict) else 0
    if not all(isinstance(n, int) and n >= 0 for n in (size, stored, values)):
        raise NoPage("a page of a negative size")
    return Page(end, stored, size, values, kind == _DICTIONARY)


def _struct(head: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Fields by number: whole numbers and structs; and where it ends. Thrift's compact protocol,
    of whose types headers of pages have but a few."""
    found: dict[int, Any] = {}
    number = 0
    while head[at] != 0:
        delta, kind = head[at] >> 4, head[at] & 15
        at += 1
        if delta:
            number += delta
        else:
            number, at = _number(head, at)
        if kind in _INTEGERS:
            found[number], at = _number(head, at)
        elif kind == _STRUCT:
            found[number], at = _struct(head, at)
        elif kind == _BINARY:
            size, at = _varint(head, at)
            at += size
        elif kind not in _TRUTH:
            raise NoPage(f"a header with a value of type {kind}")
    return found, at + 1


def _number(head: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(head, at)
    return (value >> 1) ^ -(value & 1), at


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
