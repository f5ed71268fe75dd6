"""A file elsewhere as a seekable file here: where its connection breaks it goes on at the same byte
of the same version, or not at all."""

import io
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds without a byte until a connection counts as broken."""
ATTEMPTS = 7
"""Without a new byte between them. The waits, of a quarter of a second at first, double: some 15
seconds in all."""
LONGEST_WAIT = 30.0
PIECE = 1 << 16
"""Bytes asked of a connection at once: what is lost where it breaks."""


class Broken(Exception):
    """May go better the next time. after: seconds that the server asks to wait."""

    def __init__(self, reason: str, after: float = 0) -> None:
        super().__init__(reason)
        self.after = after


class Version(NamedTuple):
    """Of a file: size in bytes (None where it is only known at the end), and what changes with its
    content (None where the server does not say)."""

    size: int | None
    mark: str | None


class Answer(NamedTuple):
    """The file from byte `start` on."""

    body: "Body"
    start: int
    version: Version


class Body(Protocol):
    """Of an answer. read raises Broken."""

    def read(self, size: int) -> bytes: ...
    def close(self) -> None: ...


class Origin(Protocol):
    """Where a file comes from."""

    def open(self, start: int, expected: Version | None) -> Answer:
        """The file from byte `start` on, or from an earlier one. expected: the version that it
        began with; another may be answered nevertheless.

        Raises Broken for what may go better, OSError for what will not.
        """


class RemoteFile(io.RawIOBase):
    """Bytes as they are stored. Raises OSError where they cannot be had, or are not those of one
    version: its text is the reason, without the address."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._at = 0
        self._body: Any = None
        self._version: Version | None = None
        self._read_before = False
        patiently(self._connect)

    @property
    def size(self) -> int | None:
        """In bytes, where the server says it."""
        return self._version.size if self._version else None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            if self.size is None:
                raise OSError("the server does not say how long the file is")
            place += self.size
        elif whence == io.SEEK_CUR:
            place += self._at
        if place != self._at:
            self._hang_up()
            self._at = max(0, place)
            self._read_before = False
        return self._at

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def read(self, size: int | None = -1) -> bytes:
        """All bytes that are asked for, fewer only at the end of the file."""
        parts: list[bytes] = []
        left = size if size is not None and size >= 0 else 1 << 62
        while left > 0 and (piece := patiently(lambda: self._piece(min(left, PIECE)))):  # noqa: B023
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def close(self) -> None:
        self._hang_up()
        super().close()

    def _piece(self, most: int) -> bytes:
        """Raises Broken; the next call goes on where this one has begun."""
        if self.size is not None and self._at >= self.size:
            return b""
        try:
            if self._body is None:
                self._connect()
            piece: bytes = self._body.read(most)
        except Broken:
            self._hang_up()
            raise
        if not piece and self.size is not None:
            self._hang_up()
            raise Broken(f"it ended at byte {self._at} of {self.size}")
        self._at += len(piece)
        self._read_before = self._read_before or bool(piece)
        return piece

    def _connect(self) -> None:
        if self._read_before and self._version is not None and self._version.mark is None:
            raise OSError(
                "the connection broke, and the server does not say by ETag or Last-Modified whether"
                " the rest is of the same version"
            )
        answer = self._origin.open(self._at, self._version)
        self._body = answer.body
        if self._version is not None and not _is_same(answer.version, self._version):
            self._hang_up()
            raise OSError("it was changed while it was read: run again")
        if answer.start > self._at:
            self._hang_up()
            raise OSError("the server sends another part of it than was asked for")
        if self.size is None:
            self._version = answer.version
        behind = self._at - answer.start
        while behind > 0 and (passed := self._body.read(min(behind, PIECE))):
            behind -= len(passed)  # a server that knows no ranges

    def _hang_up(self) -> None:
        if self._body is not None:
            self._body.close()
        self._body = None


def _is_same(one: Version, other: Version) -> bool:
    """A size that only one of them tells says nothing."""
    return one.mark == other.mark and (one.size == other.size or None in (one.size, other.size))


def patiently(asked: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """What is asked for, asked again after longer and longer waits. Raises OSError."""
    for attempt in range(attempts):
        try:
            return asked()
        except Broken as broken:
            if attempt == attempts - 1:
                raise OSError(f"{broken}, {attempts} times") from broken
            wait = max(0.25 * 2**attempt * random.uniform(0.7, 1.3), broken.after)
            time.sleep(min(wait, LONGEST_WAIT))
    raise AssertionError  # not reached
