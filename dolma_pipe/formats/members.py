"""The decompressed bytes of a WARC file, with the borders of its compressed members: where a
member is damaged, reading goes on with the next one that begins a record."""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import zstandard

from dolma_pipe.formats.detect import GZIP, ZSTD, ZSTD_SKIPPABLE
from dolma_pipe.stream import GZIP_ENDINGS, ZSTD_ENDINGS

FEED = 1 << 14
"""Bytes given to a gzip decompressor at once: what it leaves of them is copied a member."""

FEED_ZSTD = 1 << 12
"""To zstd, which has no limit of what it makes of them (stream.FEED)."""

OUTPUT = 1 << 20
"""Bytes that gzip gives out at once."""

HELD = 4 << 20
"""Compressed bytes of a member that are kept: the next member is looked for in them."""

TRIAL, TRIAL_ZSTD = FEED, 1 << 18
"""Compressed bytes in which what looks like a member must show a record; a block of zstd has 128
KiB."""

MAX_DICTIONARY = 1 << 26

RECORD = b"WARC/"
DEFLATED, DICTIONARY = GZIP + b"\x08", b"\x5d\x2a\x4d\x18"


class Gap(NamedTuple):
    """Something is lost here; the next bytes begin a record, if any come."""

    reason: str


class Border:
    """A compressed member ends here, and the next one begins with a record."""


BORDER = Border()

Event = bytes | Gap | Border


def events(pieces: Iterator[bytes], name: str) -> Iterator[Event]:
    """The content of a file that is plain, gzip or zstd, as its first bytes say, or if they are
    damaged, its name.
    """
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(ZSTD):
            break
    name = name.lower()
    if not head and name.endswith((*GZIP_ENDINGS, *ZSTD_ENDINGS)):
        yield Gap("truncated: there is no compressed member")
    elif head.startswith(DICTIONARY):
        yield from _with_dictionary(head, pieces)
    elif head.startswith(GZIP) or name.endswith(GZIP_ENDINGS):
        yield from _Members(_Gzip, zlib.error, DEFLATED, FEED, TRIAL).events(head, pieces)
    elif head.startswith((ZSTD, *ZSTD_SKIPPABLE)) or name.endswith(ZSTD_ENDINGS):
        yield from _of_zstd(_zstd(None)).events(head, pieces)
    else:
        yield head
        yield from pieces


def _with_dictionary(head: bytes, pieces: Iterator[bytes]) -> Iterator[Event]:
    """.warc.zst may begin with the dictionary of its frames, in a skippable frame (WARC Zstandard
    1.0, section 3)."""
    while len(head) < 8 or len(head) < 8 + min(_size(head), MAX_DICTIONARY):
        piece = next(pieces, b"")
        if not piece:
            break
        head += piece
    size = _size(head)
    content, head = head[8 : 8 + size], head[8 + size :]
    try:
        if content.startswith(ZSTD):
            with zstandard.ZstdDecompressor().stream_reader(content) as reader:
                content = reader.read(MAX_DICTIONARY + 1)
        if max(size, len(content)) > MAX_DICTIONARY:
            raise ValueError(f"longer than {MAX_DICTIONARY} bytes")
        dictionary = zstandard.ZstdCompressionDict(content)
        new = _zstd(dictionary)
    except (zstandard.ZstdError, ValueError) as error:
        yield Gap(f"corrupt compression: dictionary: {error}")
        for _ in pieces:  # hashed on their way
            pass
        return
    yield from _of_zstd(new).events(head, pieces)


def _size(head: bytes) -> int:
    """Of a skippable frame that begins so."""
    return int.from_bytes(head[4:8], "little")


class _Gzip:
    """zlib's decompressor, giving out a bounded piece at a time."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def pieces(self, data: bytes | memoryview) -> Iterator[bytes]:
        while data and not self._inner.eof:
            yield self._inner.decompress(data, OUTPUT)
            data = self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data


class _Zstd:
    """zstandard's decompressor in the same form."""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._inner = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()

    def pieces(self, data: bytes | memoryview) -> Iterator[bytes]:
        yield self._inner.decompress(data)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data


def _zstd(dictionary: zstandard.ZstdCompressionDict | None) -> Callable[[], _Zstd]:
    return lambda: _Zstd(dictionary)


class _NoRecord(Exception):
    """What looked like a member is none that begins with a record."""


class _Members:
    """Members one after the other; what is known of the one that is open."""

    def __init__(
        self,
        new: Callable[[], _Gzip | _Zstd],
        broken: type[Exception],
        magic: bytes,
        feed: int,
        trial: int,
    ) -> None:
        self._new = new
        self._broken = broken
        self._magic = magic
        self._feed = feed
        self._most_trial = trial
        self._open: _Gzip | _Zstd | None = None
        self._compressed = bytearray()  # of the open member
        self._head: bytes | None = None  # of its output, while that is too short to be told
        self._searching = False  # behind damage: for what may be the next member
        self._trial = False  # the open member was found so and has not shown a record yet
        self._tail = b""  # may be the begin of a magic

    def events(self, head: bytes, pieces: Iterator[bytes]) -> Iterator[Event]:
        """Everything that the members hold. head: what was read of the pieces already."""
        yield from self._fed(head)
        for piece in pieces:
            yield from self._fed(piece)
        if self._open is not None and not self._trial:
            if self._head:
                yield self._head
            yield Gap("truncated: the last compressed member does not end")

    def _fed(self, data: bytes) -> Iterator[Event]:
        data, self._tail, at = self._tail + data, b"", 0
        begun = -1  # where the open member begins, if in this data
        while True:
            if self._open is None:
                at = begun = self._begun(data, at)
            if at >= len(data):
                return
            part = memoryview(data)[at : at + self._feed]
            self._hold(part)
            try:
                yield from self._decompressed(part)
                if self._trial and len(self._compressed) >= self._most_trial:
                    raise _NoRecord
            except (_NoRecord, self._broken) as error:
                if not self._trial:
                    if self._head is not None:  # what came before ended well
                        yield BORDER
                    yield Gap(f"corrupt compression: {error}")
                # not behind the member but in it: what was damaged may be its end
                if begun < 0:
                    data, at = bytes(self._compressed) + data[at + len(part) :], 0
                    begun = 0
                at = begun + 1
                self._open, self._searching = None, True
                continue
            assert self._open is not None
            at += len(part)
            if self._open.eof:
                at -= len(self._open.unused)
                self._open = None

    def _begun(self, data: bytes, at: int) -> int:
        """Open the next member of data; where it begins, or the end of data if there is none."""
        if self._searching:
            found = data.find(self._magic, at)
            if found < 0:
                self._tail = data[max(at, len(data) - len(self._magic) + 1) :]
                return len(data)
            at = found
        else:  # padding behind a member, as tapes leave it
            at = len(data) - len(data[at:].lstrip(b"\0")) if data[at : at + 1] == b"\0" else at
            if at == len(data):
                return at
        self._trial, self._searching = self._searching, False
        self._open, self._head = self._new(), b""
        self._compressed.clear()
        return at

    def _hold(self, part: memoryview) -> None:
        self._compressed += part
        if len(self._compressed) > 2 * HELD:
            del self._compressed[:-HELD]

    def _decompressed(self, part: memoryview) -> Iterator[Event]:
        assert self._open is not None
        for output in self._open.pieces(part):
            if self._head is None:
                if output:
                    yield output
                continue
            self._head += output
            if len(self._head) >= len(RECORD):
                yield from self._told()
        if self._open.eof and self._head:
            yield from self._told()

    def _told(self) -> Iterator[Event]:
        """The first bytes of a member, once there are enough of them."""
        assert self._head is not None
        head, self._head = self._head, None
        begins = head.startswith(RECORD)
        if self._trial and not begins:
            raise _NoRecord
        if begins and not self._trial:
            yield BORDER
        self._trial = False
        yield head


def _of_zstd(new: Callable[[], _Zstd]) -> _Members:
    return _Members(new, zstandard.ZstdError, ZSTD, FEED_ZSTD, TRIAL_ZSTD)
