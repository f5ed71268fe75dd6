"""How a source says that its files are to be read, and what every format offers the shard."""

from collections.abc import Iterator
from typing import Literal, Protocol

import msgspec

from dolma_pipe.document import Document
from dolma_pipe.stream import Record

FormatName = Literal["jsonl", "parquet", "arrow", "warc"]
Html = Literal["resiliparse", "trafilatura", "all_text"]


class ColumnNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column of a table is which field of a document; all others become its metadata.

    A name that is given must be there; those that are not given are there or not, but for text.
    null: the field is left empty.
    """

    text: str | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType | None = msgspec.UNSET
    source: str | msgspec.UnsetType | None = msgspec.UNSET
    added: str | msgspec.UnsetType | None = msgspec.UNSET
    created: str | msgspec.UnsetType | None = msgspec.UNSET


class Reading(msgspec.Struct, frozen=True):
    """The reading settings of a source. format is never auto where a file is opened."""

    format: FormatName | Literal["auto"] = "auto"
    columns: ColumnNames = ColumnNames()
    html: Html = "resiliparse"
    """What becomes of HTML in WARC files: its main content by one of two packages, or all text."""
    check_digests: bool = False
    """Whether a WARC record must have the digest that its header tells."""
    messages: bool = False
    """Whether a line is a conversation: it has `messages`, or `conversations`, and no text."""


class Format(Protocol):
    """An open file of one format. Records are cheap to pass over; parsing one makes a document."""

    @property
    def passed_over(self) -> dict[str, int]:
        """What is no line of the shard by definition: kind of record -> how many."""

    @property
    def content_hash(self) -> str:
        """xxh3-128 of the stored bytes, once the records have ended."""

    def records(self) -> Iterator[Record]:
        """Records in file order, numbers ascending from 1.

        Raises Damaged where nothing more can be read, InputError where nothing can be at all.
        """

    def parse(self, record: Record) -> tuple[Document, bytes, bool]:
        """The document, its line as JSON, whether it was repaired. Raises BadLine."""

    def excerpt(self, record: Record) -> bytes:
        """How the record begins, or what it is called: for the quarantine."""
