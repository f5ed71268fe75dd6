"""From the bytes of a shard to its lines: decompressed as they come, never more than one document
held."""

import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, Protocol

import xxhash
import zstandard

from dolma_pipe.errors import InputError
from dolma_pipe.remote import is_address, open_remote, stored_name

FEED = 4096
"""Bytes given to a decompressor at once: a hostile zstd frame makes 134 MB of 4 KiB, and 2 GB of
64 KiB."""

READ = 1 << 20

ZSTD_ENDINGS = (".zst", ".zstd")
GZIP_ENDINGS = (".gz",)
"""How compressed shards are recognised, in any case."""

_QUERY = re.compile(r"(?<=[^\s?])\?\S*=\S*")


class Record(NamedTuple):
    """What may be a document: of JSONL, a line without its end.

    fault: why it is none, where that is seen before it is parsed; content is then an excerpt.
    """

    number: int
    content: Any
    fault: str | None = None


class Damaged(Exception):
    """The shard ends in the middle, or is broken; the lines before were given out."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class ByteStream:
    """The decompressed bytes of a file or URL; hashes the stored bytes while they pass."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.size = 0
        self._hash = xxhash.xxh3_128()

    @property
    def content_hash(self) -> str:
        """xxh3-128 of the stored bytes; of the whole file once the stream has ended."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """Decompressed pieces. Raises Damaged in the middle, InputError at the door."""
        name = stored_name(self.uri).lower()
        if name.endswith(ZSTD_ENDINGS):
            yield from self._decompressed(
                zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError
            )
        elif name.endswith(GZIP_ENDINGS):
            yield from self._decompressed(lambda: zlib.decompressobj(wbits=31), zlib.error)
        else:
            yield from self.stored()

    def stored(self) -> Iterator[bytes]:
        """Pieces as they are stored. Raises InputError."""
        try:
            with open_binary(self.uri) as file:
                while piece := file.read(READ):
                    self._hash.update(piece)
                    self.size += len(piece)
                    yield piece
        except OSError as error:
            raise InputError(f"cannot read {self.uri}: {told(error)}") from error

    def _decompressed(self, new: Any, broken: type[Exception]) -> Iterator[bytes]:
        """Frames (zstd) or members (gzip), one or more of them, each of which must end."""
        frame: _Decompressor | None = None
        begun = False
        damage: str | None = None
        for piece in self.stored():
            for start in range(0, len(piece), FEED):
                data = piece[start : start + FEED]
                while data and damage is None:
                    if frame is None and not data.strip(b"\0"):
                        break  # padding behind the last member, as tar and tape leave it
                    frame = frame or new()
                    begun = True
                    try:
                        output = frame.decompress(data)
                    except broken as error:
                        damage = f"corrupt compression: {error}"
                        break
                    if output:
                        yield output
                    data = frame.unused_data if frame.eof else b""
                    if frame.eof:
                        frame = None
        if damage is None and frame is not None:
            damage = "truncated: the last compressed frame does not end"
        if damage is None and not begun:
            damage = "truncated: there is no compressed frame"
        if damage is not None:
            raise Damaged(damage)


def read_lines(stream: ByteStream, max_bytes: int) -> Iterator[Record]:
    """The lines of a stream, numbered from 1; blank ones are passed over, longer ones than
    max_bytes come as a fault.

    Raises Damaged and InputError as the stream does, after the complete lines before; the cut line
    is not given out.
    """
    number, parts, held = 1, [], 0
    # a piece may be much larger, and all line ends: a list of its lines would be eight times that
    bounded = (piece[at : at + READ] for piece in stream for at in range(0, len(piece), READ))
    for piece in bounded:
        if not held and not piece.strip(b"\n"):  # a gigabyte of blank lines is soon passed over
            number += len(piece)
            continue
        first, *rest = piece.split(b"\n")
        if held <= max_bytes:
            parts.append(first)
        held += len(first)
        for following in rest:
            yield from _line(number, parts, held, max_bytes)
            number, parts, held = number + 1, [following], len(following)
        if held > max_bytes:
            parts = []
    yield from _line(number, parts, held, max_bytes)


def _line(number: int, parts: list[bytes], held: int, max_bytes: int) -> Iterator[Record]:
    if held > max_bytes:
        yield Record(number, None, f"longer than {max_bytes} bytes")
    elif content := b"".join(parts).strip(b" \t\r\n"):
        yield Record(number, content)


def told(error: OSError) -> str:
    """Why a file cannot be read; without queries: an address that a server sends us on to may be
    signed."""
    return error.strerror or _QUERY.sub("?...", str(error))


def open_binary(uri: str) -> IO[bytes]:
    """A local file or a remote one; its bytes as they are stored."""
    if not is_address(uri):
        return open(uri, "rb")  # noqa: PTH123  the caller closes it
    return open_remote(uri)
