"""An HTTP response as a crawler stored it: head, and body without chunks and compression."""

import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import zstandard

from dolma_pipe.document import BadLine
from dolma_pipe.errors import MissingExtra

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
        elif name in found:
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
        return _inflated(body, 31, max_bytes, truncated) if body[:2] == b"\x1f\x8b" else body
    if coding == "deflate":  # with zlib's header by the standard, without by custom
        zlib_header = body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return _inflated(body, 15 if zlib_header else -15, max_bytes, truncated)
    if coding == "zstd":
        return _whole(_unzstd, body, max_bytes) if body[:4] == b"\x28\xb5\x2f\xfd" else body
    if coding == "br":
        return _whole(_unbrotli, body, max_bytes)
    raise BadLine(f"unknown content encoding {coding[:20]}")


def _inflated(body: bytes, wbits: int, max_bytes: int, truncated: bool) -> bytes:
    inner = zlib.decompressobj(wbits=wbits)
    try:
        content = inner.decompress(body, max_bytes + 1)
    except zlib.error:
        raise BadLine("corrupt content encoding") from None
    if len(content) > max_bytes:
        raise BadLine(f"longer than {max_bytes} bytes")
    if not inner.eof and not truncated:
        raise BadLine("truncated: the compressed body does not end")
    return content


def _whole(decompress: Callable[[bytes, int], bytes], body: bytes, max_bytes: int) -> bytes:
    content = decompress(body, max_bytes)
    if len(content) > max_bytes:
        raise BadLine(f"longer than {max_bytes} bytes")
    return content


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            return reader.read(max_bytes + 1)
    except zstandard.ZstdError:
        raise BadLine("corrupt content encoding") from None


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    try:
        import brotli
    except ImportError:
        raise MissingExtra("warc", "brotli") from None
    inner = brotli.Decompressor()
    parts, held = [], 0
    try:
        for start in range(0, len(body), 1 << 12):
            parts.append(inner.process(body[start : start + (1 << 12)]))
            held += len(parts[-1])
            if held > max_bytes:
                break
    except brotli.error:
        # no header tells brotli: some crawlers have decoded it
        if body.lstrip()[:1] == b"<":
            return body
        raise BadLine("corrupt content encoding") from None
    return b"".join(parts)
