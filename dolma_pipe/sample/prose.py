"""The `prose` source: translations in about a hundred languages, English manuals and a novel."""

from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import NamedTuple

from dolma_pipe.sample.catalogues import language_of, translated_text
from dolma_pipe.sample.document import Candidate, Document, choose
from dolma_pipe.sample.wheels import WheelMember, wheel_files

_PAGES = (
    "wheels/nikola/nikola/data/samplesite/",  # handbooks, and a novel's first chapter
    "wheels/trac/trac/wiki/default-pages/",  # a manual as wiki pages, without file endings
)
_PAGE_ENDINGS = (".rst", ".md", ".txt")


class Topic(NamedTuple):
    """A chapter of the language reference, as `help()` shows it."""

    path: str
    text: str

    def document(self) -> Document:
        """The chapter as a document."""
        metadata = {"package": "python", "license": "PSF-2.0", "language": "en"}
        return Document(self.path, self.text, metadata)


class Page(NamedTuple):
    """A page of an English manual."""

    path: str
    member: WheelMember

    def document(self) -> Document:
        """The page as a document."""
        page = self.member.document()
        return Document(page.path, page.text, {**page.metadata, "language": "en"})


class Translation(NamedTuple):
    """The messages of an application in one language."""

    path: str
    member: WheelMember
    language: str

    def document(self) -> Document | None:
        """The messages as a document; None where nothing is translated yet."""
        text = translated_text(self.member.read())
        member = self.member
        metadata = {
            "package": member.package,
            "license": member.licence,
            "language": self.language,
        }
        return Document(self.path, text, metadata) if text else None


def prose_documents(budget: int) -> list[Document]:
    """Language reference, manual pages and message catalogues, about budget bytes of them."""
    return choose(_candidates(), budget)


def _candidates() -> Iterator[Candidate]:
    for name, text in topics.items():
        yield Topic(f"topics/{name}", text)
    for member in wheel_files():
        if language := language_of(member.path):
            yield Translation(member.path, member, language)
        elif member.path.startswith(_PAGES):
            name = member.path.rsplit("/", 1)[-1]
            if "." not in name or name.endswith(_PAGE_ENDINGS):
                yield Page(member.path, member)
