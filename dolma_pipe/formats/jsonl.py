"""JSONL, plain or compressed: a document a line."""

from collections.abc import Iterator

from dolma_pipe.document import Document, parse
from dolma_pipe.stream import ByteStream, Record, read_lines


class Jsonl:
    """Lines of dolma's layout."""

    def __init__(self, uri: str, max_document_bytes: int) -> None:
        self._stream = ByteStream(uri)
        self._max_document_bytes = max_document_bytes

    @property
    def content_hash(self) -> str:
        return self._stream.content_hash

    @property
    def passed_over(self) -> dict[str, int]:
        return {}

    def records(self) -> Iterator[Record]:
        return read_lines(self._stream, self._max_document_bytes)

    def parse(self, record: Record) -> tuple[Document, bytes, bool]:
        return parse(record.content)

    def excerpt(self, record: Record) -> bytes:
        return record.content or b""
