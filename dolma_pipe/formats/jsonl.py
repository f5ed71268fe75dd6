"""JSONL, plain or compressed: a document a line."""

from collections.abc import Iterator

from dolma_pipe.conversations import parse_conversation
from dolma_pipe.document import Document, parse
from dolma_pipe.stream import ByteStream, Record, read_lines


class Jsonl:
    """Lines of dolma's layout, or of conversations."""

    def __init__(self, uri: str, max_document_bytes: int, *, messages: bool = False) -> None:
        self._stream = ByteStream(uri)
        self._max_document_bytes = max_document_bytes
        self._parse = parse_conversation if messages else parse

    @property
    def content_hash(self) -> str:
        return self._stream.content_hash

    @property
    def passed_over(self) -> dict[str, int]:
        return {}

    def records(self) -> Iterator[Record]:
        return read_lines(self._stream, self._max_document_bytes)

    def parse(self, record: Record) -> tuple[Document, bytes, bool]:
        return self._parse(record.content)

    def excerpt(self, record: Record) -> bytes:
        return record.content or b""
