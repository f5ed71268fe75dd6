"""The format of a file, opened."""

from dolma_pipe.formats.arrow import Arrow
from dolma_pipe.formats.jsonl import Jsonl
from dolma_pipe.formats.parquet import Parquet
from dolma_pipe.formats.reading import Format, Reading
from dolma_pipe.formats.warc import Warc


def open_format(uri: str, reading: Reading, max_document_bytes: int) -> Format:
    """The reader of a file whose format is known; auto is JSONL, as our own files are."""
    if reading.format == "parquet":
        return Parquet(uri, reading.columns, max_document_bytes, messages=reading.messages)
    if reading.format == "arrow":
        return Arrow(uri, reading.columns, max_document_bytes, messages=reading.messages)
    if reading.format == "warc":
        return Warc(uri, reading, max_document_bytes)
    return Jsonl(uri, max_document_bytes, messages=reading.messages)
