"""A document of the sample, and the choice where a source has more than it may give."""

import hashlib
from collections.abc import Iterable
from typing import Protocol

import msgspec

# A file's own time differs between machines that installed the same version: one time for all.
TIME = "2024-01-01T00:00:00.000Z"


class Document(msgspec.Struct, frozen=True):
    """One line of a dolma shard, but for the fields that all lines share.

    path: where the text is from, relative to the library root; unique in its source.
    metadata: further facts, such as package, licence, language.
    """

    path: str
    text: str
    metadata: dict[str, str]

    @property
    def size(self) -> int:
        """Length of the text in UTF-8."""
        return len(self.text.encode())

    def line(self, source: str) -> bytes:
        """The document as a dolma JSON line, with its line feed."""
        record = {
            "id": f"{source}/{self.path}",
            "text": self.text,
            "source": source,
            "added": TIME,
            "created": TIME,
            "metadata": {"path": self.path, **self.metadata},
        }
        return msgspec.json.encode(record) + b"\n"


class Candidate(Protocol):
    """Something that may become a document, read only when it is chosen."""

    @property
    def path(self) -> str:
        """As Document.path."""

    def document(self) -> Document | None:
        """The document, or None where there is no text in it after all."""


def choose(candidates: Iterable[Candidate], budget: int) -> list[Document]:
    """Documents in order of path: all, or by hash of path until their bytes reach the budget."""
    chosen: list[Document] = []
    total = 0
    for candidate in sorted(candidates, key=lambda each: _rank(each.path)):
        if total >= budget:
            break
        document = candidate.document()
        if document is not None:
            chosen.append(document)
            total += document.size
    return sorted(chosen, key=lambda document: document.path)


def choose_in_turn(groups: Iterable[Iterable[Candidate]], budget: int) -> list[Document]:
    """As choose, but a group gives only what the groups before it left of the budget."""
    chosen: list[Document] = []
    for group in groups:
        chosen += choose(group, budget - sum(document.size for document in chosen))
    return sorted(chosen, key=lambda document: document.path)


def _rank(path: str) -> bytes:
    """Orders paths by chance, and alike on every run."""
    return hashlib.blake2b(path.encode(), digest_size=8).digest()


def decode(content: bytes) -> str:
    """UTF-8, or where it is not, Latin-1 (which never fails): old files are part of the dirt."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
