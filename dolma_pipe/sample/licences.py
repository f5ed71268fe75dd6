"""The `licences` source: licence texts of everything installed, near-duplicates by nature."""

import re
from collections.abc import Iterator
from itertools import chain

from dolma_pipe.sample.document import Candidate, Document, choose_in_turn
from dolma_pipe.sample.library import (
    Packages,
    site_packages,
    standard_library,
    system_documentation,
)
from dolma_pipe.sample.wheels import wheel_files

# LICENSE, LICENCE.txt, LICENSE-MIT.md, COPYING.LESSER, NOTICE, UNLICENSE, copyright; no license.py.
_LICENCE = re.compile(
    r"(.*/)?(un)?(licen[cs]es?|copying|copyright|notice)([._-][^/]*)?$", re.IGNORECASE
)
_NOT_TEXT = re.compile(r".*\.(py|pyi|pyc|json|html|js|c|h|so|png|svg)$", re.IGNORECASE)


def is_licence(path: str) -> bool:
    """Whether a file of this path is a licence text, by its name."""
    return bool(_LICENCE.match(path)) and not _NOT_TEXT.match(path)


def licence_documents(packages: Packages, budget: int) -> list[Document]:
    """Whole licence files, about budget bytes of them."""
    of_python = chain[Candidate](standard_library(), site_packages(packages), wheel_files())
    groups: tuple[Iterator[Candidate], ...] = (of_python, system_documentation())
    return choose_in_turn(
        ((file for file in files if is_licence(file.path)) for files in groups), budget
    )
