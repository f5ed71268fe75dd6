"""The records of a WARC file (ISO 28500), framed by their headers and lengths; behind a malformed
one reading goes on with the next member, or with the next line that begins a record."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.formats.http import LONGEST_HEAD, headers_of
from dolma_pipe.formats.members import RECORD, Border, Event, Gap, events
from dolma_pipe.stream import Record

HELD_TYPES = ("response", "conversion")
"""The blocks of all other records are not looked at."""

_NEXT = re.compile(rb"\n\r?\n(?=WARC/\d\.\d+\r?\n)")
_END = re.compile(rb"\r?\n\r?\n")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_LENGTH = re.compile(r"\d{1,18}")
OVERLAP = 32
"""Bytes in which the border of two records and the line behind it fit."""


class Block(NamedTuple):
    """A record that was read whole, or for one that is too long, its first bytes."""

    headers: dict[str, str]
    content: bytes
    length: int


class _Malformed(Exception):
    """The record is not what its header says; the text is the reason."""


def warc_records(pieces: Iterator[bytes], name: str, max_bytes: int) -> Iterator[Record]:
    """All records of a file of this name, numbered from 1: each a Block, or an excerpt and a fault.

    Blocks over max_bytes, and of types that no document is made of, are not held.
    """
    reader = _Reader(events(pieces, name))
    number = 0
    while reader.goes_on():
        number += 1
        try:
            yield Record(number, reader.record(max_bytes))
        except _Malformed as malformed:
            yield Record(number, reader.excerpt, str(malformed))
            reader.recover()


class _Reader:
    """The bytes that were not used yet, and where they stop."""

    def __init__(self, stream: Iterator[Event]) -> None:
        self._events = stream
        self._held = bytearray()
        self._stop: Gap | Border | None = None
        self._ended = False
        self.excerpt = b""

    def _more(self) -> bool:
        """Another piece; False where a member, the file, or what can be read of it ends."""
        if self._stop is not None or self._ended:
            return False
        event = next(self._events, None)
        if event is None:
            self._ended = True
        elif isinstance(event, bytes):
            self._held += event
            return True
        else:
            self._stop = event
        return False

    def goes_on(self) -> bool:
        """Whether another record, or a gap, follows."""
        while True:
            self._pass_newlines()
            if self._held or isinstance(self._stop, Gap):
                return True
            if self._ended:
                return False
            self._stop = None

    def _pass_newlines(self) -> None:
        while True:
            del self._held[: self._text_from(0)]
            if self._held or not self._more():
                return

    def _text_from(self, at: int) -> int:
        """Behind the line ends at this place."""
        line_ends = _LINE_ENDS.match(self._held, at)
        return line_ends.end() if line_ends else at

    def record(self, max_bytes: int) -> Block:
        """The next record. Raises _Malformed."""
        headers = self._headers()
        length = int(headers["content-length"])
        is_held = headers["warc-type"].lower() in HELD_TYPES
        if length > max_bytes:
            content = self._first(min(length, LONGEST_HEAD)) if is_held else b""
            self._pass_long(length)
            return Block(headers, content, length)
        self._await(length)
        self._check_end(length)  # before anything is copied: many may be wrong
        content = bytes(memoryview(self._held)[:length]) if is_held else b""
        del self._held[:length]
        return Block(headers, content, length)

    def _headers(self) -> dict[str, str]:
        self.excerpt = b""
        at = 0
        while (end := _END.search(self._held, max(0, at - 3))) is None:
            at = len(self._held)
            if at > LONGEST_HEAD:
                raise _Malformed("WARC header without an end")
            if not self._more():
                raise _Malformed(self._reason("truncated: a WARC header does not end"))
        head = bytes(self._held[: end.start()])
        self.excerpt = head[:200]
        if not head.startswith(RECORD):
            raise _Malformed("not a WARC record")
        headers = headers_of(head.partition(b"\n")[2])
        if not headers.get("warc-type"):
            raise _Malformed("WARC record without a type")
        if not _LENGTH.fullmatch(headers.get("content-length", "")):
            raise _Malformed("WARC record without a length")
        self.excerpt = headers.get("warc-target-uri", "").encode() or self.excerpt
        del self._held[: end.end()]
        return headers

    def _await(self, size: int) -> None:
        while len(self._held) < size:
            if not self._more():
                raise _Malformed(self._reason("truncated: the last WARC record does not end"))

    def _first(self, size: int) -> bytes:
        self._await(size)
        return bytes(memoryview(self._held)[:size])

    def _pass_long(self, length: int) -> None:
        """Go behind a block that is not held, and its end."""
        passed = 0
        while passed + len(self._held) < length:
            passed += len(self._held)
            self._held.clear()
            if not self._more():
                raise _Malformed(self._reason("truncated: the last WARC record does not end"))
        self._check_end(length - passed)
        del self._held[: length - passed]

    def _check_end(self, end: int) -> None:
        """What follows a block that ends here must be a record, or nothing.

        Of a short block the bytes stay until that is certain: where the length is wrong, the next
        record is looked for in them.
        """
        begin = end
        while True:
            begin = self._text_from(begin)
            if begin - end > OVERLAP:  # there may be any number of line ends
                del self._held[end : begin - OVERLAP]
                begin = end + OVERLAP
            if len(self._held) - begin >= len(RECORD) or not self._more():
                break
        following = self._held[begin : begin + len(RECORD)]
        if isinstance(self._stop, Gap) and not following:
            raise _Malformed(self._stop.reason)
        if following and not following.startswith(RECORD):
            raise _Malformed("wrong Content-Length")

    def _reason(self, at_the_end: str) -> str:
        """Why the bytes stop here."""
        if isinstance(self._stop, Gap):
            return self._stop.reason
        return "wrong Content-Length" if isinstance(self._stop, Border) else at_the_end

    def recover(self) -> None:
        """Go to the next record: behind the border or the gap, or where a line begins one."""
        while True:
            found = _NEXT.search(self._held)
            if found is not None:
                del self._held[: found.end()]
                return
            del self._held[: max(0, len(self._held) - OVERLAP)]
            if not self._more():
                break
        self._held.clear()
        self._stop = None
