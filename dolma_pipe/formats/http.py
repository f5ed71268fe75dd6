"""An HTTP response as a crawler stored it: head, and body without chunks and compression."""

import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import zstandard

from dolma_pipe.document import BadLine
from dolma_pipe.errors import MissingExtra
from dolma_pipe.formats.detect import GZIP, ZSTD
from dolma_pipe.stream import FEED

LONGEST_HEAD = 1 << 16

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_PARAMETER = re.compile(r";\s*charset\s*=\s*[\"']?([^\s\"';]+)", re.IGNORECASE)


class Head(NamedTuple):
    """Status line and headers; names in small letters, the first of several values."""

    status: int
    headers: dict[str, str]
    end: int


def headers_of(lines: bytes) -> dict[str, str]:
    """The fields of header lines; a folded line goes on with the one before."""
    found: dict[str, str] = {}
    name = ""
    for line in lines.decode(errors="replace").split("\n"):
        if line[:1] in (" ", "\t") and name:
            found[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon and name not in found:
            found[name] = value.strip()
        else:  # what goes on with this line belongs to no field that is kept
            name = ""
    return found


def parse_head(block: bytes) -> Head | None:
    """The head of a response, None where there is none. block: may be cut behind the head."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEAD_END.search(block, 0, LONGEST_HEAD)
    if end is None:  # a response without a body
        return Head(int(status[1]), headers_of(block[:LONGEST_HEAD]), len(block))
    return Head(int(status[1]), headers_of(block[: end.start()]), end.end())


def media_type(content_type: str) -> str:
    """Without its parameters: text/html."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str | None:
    """The charset parameter."""
    found = _PARAMETER.search(content_type)
    return found[1] if found else None


def decode_body(
    body: bytes, headers: dict[str, str], max_bytes: int, truncated: bool = False
) -> bytes:
    """The body as it was before it was sent. Crawlers that decode it leave the headers as they
    were: what is neither chunked nor compressed is taken as it is.

    truncated: the crawler says that it cut the body. Raises BadLine where it ends in the middle
    otherwise, or has more than max_bytes.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _unchunked(body, truncated)
    for coding in reversed(headers.get("content-encoding", "").lower().split(",")):
        body = _decompressed(body, coding.strip(), max_bytes, truncated)
    return body


def _unchunked(body: bytes, truncated: bool) -> bytes:
    chunk = _CHUNK.match(body)
    if chunk is None:
        return body
    parts: list[bytes] = []
    while chunk is not None:
        size = int(chunk[1], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[chunk.end() : chunk.end() + size])
        at = chunk.end() + size
        while body[at : at + 1] in (b"\r", b"\n"):
            at += 1
        chunk = _CHUNK.match(body, at)
    if not truncated:
        raise BadLine("truncated: the last chunk of the body is missing")
    return b"".join(parts)


def _decompressed(body: bytes, coding: str, max_bytes: int, truncated: bool) -> bytes:
    if coding in ("", "identity") or not body:
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, 31, max_bytes, truncated) if body.startswith(GZIP) else body
    if coding == "deflate":  # with zlib's header by the standard, without by custom
        zlib_header = body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return _inflated(body, 15 if zlib_header else -15, max_bytes, truncated)
    if coding == "zstd":
        return _unzstd(body, max_bytes, truncated) if body.startswith(ZSTD) else body
    if coding == "br":
        return _unbrotli(body, max_bytes, truncated)
    raise BadLine(f"unknown content encoding {coding[:20]}")


def _inflated(body: bytes, wbits: int, max_bytes: int, truncated: bool) -> bytes:
    def new() -> tuple[Any, Callable[[bytes, int], bytes]]:
        inner = zlib.decompressobj(wbits=wbits)
        return inner, inner.decompress

    return _joined(new, GZIP if wbits == 31 else None, body, max_bytes, truncated)


def _unzstd(body: bytes, max_bytes: int, truncated: bool) -> bytes:
    def new() -> tuple[Any, Callable[[bytes, int], bytes]]:
        inner = zstandard.ZstdDecompressor().decompressobj()
        return inner, lambda data, _most: inner.decompress(data)  # FEED bounds it

    return _joined(new, ZSTD, body, max_bytes, truncated)


def _joined(
    new: Callable[[], tuple[Any, Callable[[bytes, int], bytes]]],
    magic: bytes | None,
    body: bytes,
    max_bytes: int,
    truncated: bool,
) -> bytes:
    """The content of all members or frames, what stands behind the last is passed over.

    new: a decompressor, and how it is called with the most bytes to give out. magic: how another
    member begins, None where there is but one.
    """
    (inner, decompress), at, held = new(), 0, 0
    parts: list[bytes] = []
    while at < len(body):
        data = body[at : at + FEED]
        try:
            parts.append(decompress(data, max_bytes + 1 - held))
        except (zlib.error, zstandard.ZstdError):
            raise BadLine("corrupt content encoding") from None
        held += len(parts[-1])
        if held > max_bytes:
            raise BadLine(f"longer than {max_bytes} bytes")
        at += len(data)
        if inner.eof:
            at -= len(inner.unused_data)
            if magic is None or not body.startswith(magic, at):
                break
            inner, decompress = new()
    if not inner.eof and not truncated:
        raise BadLine("truncated: the compressed body does not end")
    return b"".join(parts)


def _unbrotli(body: bytes, max_bytes: int, truncated: bool) -> bytes:
    try:
        import brotli
    except ImportError:
        raise MissingExtra("warc", "brotli") from None
    # no header tells brotli: some crawlers have decoded it
    is_page = body.lstrip()[:1] == b"<"
    inner = brotli.Decompressor()
    try:
        content: bytes = inner.process(body, output_buffer_limit=max_bytes + 1)
    except brotli.error:
        if is_page:
            return body
        raise BadLine("corrupt content encoding") from None
    if len(content) > max_bytes:
        raise BadLine(f"longer than {max_bytes} bytes")
    if not inner.is_finished() and not truncated:
        if is_page:
            return body
        raise BadLine("truncated: the compressed body does not end")
    return content
