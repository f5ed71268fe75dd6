"""WARC and WET: web pages and their texts, a document a record.

A line of such a shard is a record that can be a document: a conversion of type text/plain, a
response whose body is HTML, XHTML or plain text; and whatever cannot be read. All other records
(requests, metadata, images) are passed over. Numbers count all records of the file from 1.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from dolma_pipe.document import BadLine, Document
from dolma_pipe.formats.html import decode_text, page_text
from dolma_pipe.formats.http import charset_of, decode_body, media_type, parse_head
from dolma_pipe.formats.reading import Reading
from dolma_pipe.formats.values import encode
from dolma_pipe.formats.warc_records import Block, warc_records
from dolma_pipe.stream import ByteStream, Record

HTML_TYPES = ("text/html", "application/xhtml+xml")
TEXT_TYPES = (*HTML_TYPES, "text/plain")
UNTOLD = ("", "application/octet-stream", "unknown/unknown")

KEPT_HEADERS = {
    "warc-target-uri": "url",
    "warc-payload-digest": "payload_digest",
    "warc-ip-address": "ip_address",
    "warc-identified-content-language": "languages",
    "warc-truncated": "truncated",
    "warc-refers-to": "refers_to",
}
"""WARC header -> name in the metadata of a document."""


class Page(NamedTuple):
    """A record that can be a document.

    kind: its media type. status, http: of a response, None and {} of a conversion. begin: of the
    body in the block.
    """

    block: Block
    kind: str
    status: int | None
    http: dict[str, str]
    begin: int


class Warc:
    """Records of one file, plain, gzip or zstd."""

    def __init__(self, uri: str, reading: Reading, max_document_bytes: int) -> None:
        self._stream = ByteStream(uri)
        self._reading = reading
        self._max = max_document_bytes
        self._passed_over: Counter[str] = Counter()

    @property
    def passed_over(self) -> dict[str, int]:
        return dict(sorted(self._passed_over.items()))

    @property
    def content_hash(self) -> str:
        return self._stream.content_hash

    def records(self) -> Iterator[Record]:
        for record in warc_records(self._stream.stored(), self._stream.uri, self._max):
            if record.fault is not None:
                yield record
            elif (page := self._page(record.content)) is not None:
                fault = self._fault(record.content, page)
                told = page if fault is None else self._url(page)
                yield Record(record.number, told, fault)

    def _page(self, block: Block) -> Page | None:
        """What may become a document, None for a record that is passed over."""
        headers = block.headers
        kind = headers["warc-type"].lower()
        told = media_type(headers.get("content-type", ""))
        if kind == "conversion":
            page = Page(block, told or "text/plain", None, {}, 0)
            wanted = page.kind == "text/plain"
        elif kind == "response" and told == "application/http":
            page = _response(block)
            wanted = page.status is None or page.kind in TEXT_TYPES
        else:  # a response of DNS, FTP
            self._passed_over[kind[:40]] += 1
            return None
        if not wanted:
            self._passed_over[f"{kind} {page.kind}"[:60]] += 1
        return page if wanted else None

    def _fault(self, block: Block, page: Page) -> str | None:
        if page.status is None and block.headers["warc-type"].lower() == "response":
            return "no HTTP response"
        return f"longer than {self._max} bytes" if block.length > self._max else None

    def parse(self, record: Record) -> tuple[Document, bytes, bool]:
        page: Page = record.content
        if self._reading.check_digests:
            _check_digest(page)
        text, charset = self._text(page)
        headers = page.block.headers
        id = headers.get("warc-record-id", "").removeprefix("<").removesuffix(">")
        id = id.removeprefix("urn:uuid:")
        line: dict[str, Any] = {"id": id} if id else {}
        line["text"] = text
        if created := headers.get("warc-date"):
            line["created"] = created
        line["metadata"] = _metadata(page, charset)
        raw = encode(line)
        if len(raw) > self._max:
            raise BadLine(f"longer than {self._max} bytes")
        return Document(text, id or None, created=created), raw, False

    def _text(self, page: Page) -> tuple[str, str]:
        """The text of a page and its charset."""
        if page.status is None:
            try:
                return page.block.content.decode(), "utf-8"
            except UnicodeDecodeError:
                raise BadLine("invalid UTF-8") from None
        body = decode_body(
            page.block.content[page.begin :],
            page.http,
            self._max,
            "warc-truncated" in page.block.headers,
        )
        is_html = page.kind in HTML_TYPES
        told = charset_of(page.http.get("content-type", ""))
        text, charset = decode_text(body, told, is_html)
        return (page_text(text, self._reading.html) if is_html else text), charset

    def excerpt(self, record: Record) -> bytes:
        return self._url(record.content)

    def _url(self, page: Page) -> bytes:
        return page.block.headers.get("warc-target-uri", "").encode()


def _response(block: Block) -> Page:
    """An HTTP response; its type is what the server said, else what the crawler found."""
    head = parse_head(block.content)
    if head is None:
        return Page(block, "", None, {}, 0)
    kind = media_type(head.headers.get("content-type", ""))
    if kind in UNTOLD:
        kind = media_type(block.headers.get("warc-identified-payload-type", ""))
    return Page(block, kind or "untold", head.status, head.headers, head.end)


def _metadata(page: Page, charset: str) -> dict[str, Any]:
    headers = page.block.headers
    found: dict[str, Any] = {
        name: headers[header] for header, name in KEPT_HEADERS.items() if headers.get(header)
    }
    found |= {"content_type": page.kind, "charset": charset}
    if page.status is not None:
        found["status"] = page.status
    return found


def _check_digest(page: Page) -> None:
    """Raise BadLine where the block, or without its digest the payload, is not what was hashed.

    Writers do not agree on the payload of a chunked body, so that is not looked at.
    """
    headers, content = page.block.headers, page.block.content
    told = headers.get("warc-block-digest")
    if not told and "transfer-encoding" not in page.http:
        told, content = headers.get("warc-payload-digest"), content[page.begin :]
    algorithm, _, digest = (told or "").partition(":")
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in ("md5", "sha1", "sha256", "sha384", "sha512"):
        return
    found = hashlib.new(algorithm, content, usedforsecurity=False)
    if digest.lower() != found.hexdigest() and digest.upper() != _base32(found.digest()):
        raise BadLine("the digest is another")


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest).decode()
