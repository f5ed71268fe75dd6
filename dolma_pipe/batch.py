"""A batch: some megabytes of documents as Arrow, whose buffers are the arrays that kernels read."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from dolma_pipe.document import field_of
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.kernels.sentences import Sentences, split_sentences
from dolma_pipe.kernels.words import Lines, Words, split_lines, split_words

SCHEMA = pa.schema(
    [
        ("id", pa.large_string()),
        ("text", pa.large_string()),
        ("source", pa.large_string()),
        ("added", pa.large_string()),
        ("created", pa.large_string()),
        ("line", pa.int64()),
        ("raw", pa.large_binary()),
    ]
)
"""raw is the document's whole JSON line (metadata and unknown fields pass through in it); line
counts from 1."""


class Batch:
    """Documents of one shard, in the order of the shard; len() is how many.

    shard: its key, `<source>/<name>`. documents: all of it, as Arrow.
    """

    def __init__(self, documents: pa.RecordBatch, shard: str = "") -> None:
        """documents: a record batch of SCHEMA. shard: its key, <source>/<name>."""
        self.documents = documents
        self.shard = shard
        self._fields: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return int(self.documents.num_rows)

    @cached_property
    def offsets(self) -> I64:
        """int64[documents + 1]: document d is text[offsets[d]:offsets[d + 1]]. The Arrow buffer
        itself, no copy."""
        column = self.documents.column("text")
        return np.frombuffer(column.buffers()[1], np.int64)[
            column.offset : column.offset + len(self) + 1
        ]

    @cached_property
    def text(self) -> U8:
        """uint8[bytes], read-only: the UTF-8 text of all documents. The Arrow buffer itself, no
        copy."""
        return text_in(self.documents.column("text").buffers()[2])

    @cached_property
    def words(self) -> Words:
        """Of all documents, with a hash each; split once for every tagger that asks."""
        return split_words(self.text, self.offsets)

    @cached_property
    def lines(self) -> Lines:
        """Of all documents, blank ones too; split once for every tagger that asks."""
        return split_lines(self.text, self.offsets)

    @cached_property
    def sentences(self) -> Sentences:
        """Of all documents; split once for every tagger that asks."""
        return split_sentences(self.text, self.words, self.lines)

    def texts(self) -> Iterator[str]:
        """Each document's text as str: for taggers in plain Python."""
        for text in self.documents.column("text"):
            yield text.as_py()

    def field(self, path: str) -> list[Any]:
        """Each document's value at a path of keys ("metadata.url"), None where it has none.

        Parsed once for every tagger that asks.
        """
        if path not in self._fields:
            raws = self.documents.column("raw")
            self._fields[path] = [field_of(raw.as_buffer(), path) for raw in raws]
        return self._fields[path]

    def select(self, rows: I64) -> "Batch":
        """A new batch of these rows, int64[documents wanted], in their order."""
        return Batch(self.documents.take(pa.array(rows)), self.shard)

    def with_text(self, text: U8, offsets: I64) -> "Batch":
        """The same documents with another text; `raw` still holds the old one."""
        values, ends = pa.py_buffer(text), pa.py_buffer(offsets)
        column = pa.LargeStringArray.from_buffers(len(self), ends, values)
        place = SCHEMA.get_field_index("text")
        documents = self.documents.set_column(place, SCHEMA.field(place), column)
        return Batch(documents, self.shard)


def text_in(buffer: pa.Buffer | None) -> U8:
    """What a buffer of Arrow holds, read-only like the bytes of a str: numba would compile every
    kernel once more for arrays that may be written."""
    # an empty buffer has no memory to look at
    text = np.frombuffer(buffer, np.uint8) if buffer and buffer.size else np.empty(0, np.uint8)
    text.flags.writeable = False
    return text


def no_documents() -> Batch:
    """A batch without documents, as of an empty shard."""
    text = pa.LargeStringArray.from_buffers(
        0, pa.py_buffer(np.zeros(1, np.int64)), pa.py_buffer(b"")
    )
    arrays = [text if field.name == "text" else pa.array([], field.type) for field in SCHEMA]
    return Batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))


def batch_of(
    texts: list[str], source: str = "test", metadata: list[dict[str, Any]] | None = None
) -> Batch:
    """A batch from plain texts, each with its metadata if any: for trying out a tagger."""
    import msgspec

    n = len(texts)
    ids = [str(i) for i in range(n)]
    raws = [
        msgspec.json.encode({"id": i, "text": t, "source": source, "metadata": m})
        for i, t, m in zip(ids, texts, metadata or [{}] * n, strict=True)
    ]
    columns = [ids, texts, [source] * n, [None] * n, [None] * n, list(range(1, n + 1)), raws]
    arrays = [pa.array(c, t.type) for c, t in zip(columns, SCHEMA, strict=True)]
    return Batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
