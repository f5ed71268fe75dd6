"""The `docs` source: READMEs, package descriptions, change logs, authors, manuals, docstrings."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from dolma_pipe.sample.docstrings import docstrings
from dolma_pipe.sample.document import Candidate, Document, choose
from dolma_pipe.sample.library import (
    LibraryFile,
    Packages,
    site_packages,
    standard_library,
    system_documentation,
)
from dolma_pipe.sample.licences import is_licence
from dolma_pipe.sample.wheels import wheel_files

# Shares of the budget; where one has less, the sample is smaller.
DOCSTRING_SHARE = 0.45
SYSTEM_SHARE = 0.15  # change logs, for the most part

_TEXT = re.compile(r".*\.(md|rst|txt)(\.gz)?$", re.IGNORECASE)
_NAMED = re.compile(
    r"(.*/)?(readme|news|authors|contributors|credits|thanks|changes|changelog|history|todo)"
    r"([._-][^/]*)?$",
    re.IGNORECASE,
)
_NOT_TEXT = re.compile(r".*\.(pyi?|html|json|ya?ml|toml|js|css|c|h|png|svg)$", re.IGNORECASE)
_MACHINE = re.compile(r".*(-info/[^/]*|/requirements[^/]*)\.txt$")  # lists for pip to read


class ModuleDocumentation(NamedTuple):
    """The docstrings of a Python file."""

    path: str
    file: LibraryFile

    def document(self) -> Document | None:
        """The docstrings as a document; None where the file has none."""
        whole = self.file.document()
        text = docstrings(whole.text) if whole else ""
        return Document(self.path, text, whole.metadata) if whole and text else None


def is_documentation(path: str) -> bool:
    """Whether a file of this path is documentation for people, by its name."""
    text = _TEXT.match(path) or (_NAMED.match(path) and not _NOT_TEXT.match(path))
    return bool(text) and not is_licence(path) and not _MACHINE.match(path)


def docs_documents(packages: Packages, budget: int) -> list[Document]:
    """Documentation files, package descriptions and docstrings, about budget bytes of them."""
    from_docstrings = int(budget * DOCSTRING_SHARE)
    from_system = int(budget * SYSTEM_SHARE)
    system = (file for file in system_documentation() if is_documentation(file.path))
    return [
        *choose(_manuals(packages), budget - from_docstrings - from_system),
        *choose(system, from_system),
        *choose(_modules(packages), from_docstrings),
    ]


def _manuals(packages: Packages) -> Iterator[Candidate]:
    yield from packages.descriptions
    files = chain[Candidate](standard_library(), site_packages(packages), wheel_files())
    yield from (file for file in files if is_documentation(file.path))


def _modules(packages: Packages) -> Iterator[Candidate]:
    """Python files but tests, whose docstrings are short or none."""
    for file in chain(standard_library(), site_packages(packages)):
        if file.path.endswith(".py") and "/test" not in file.path:
            yield ModuleDocumentation(f"docstrings/{file.path}", file)
