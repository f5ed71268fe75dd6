"""Files of this Python in fixed order: standard library, site-packages, system documentation."""

import gzip
import os
import sysconfig
import zlib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from dolma_pipe.sample.document import Document, decode

MAX_BYTES = 1_000_000  # longer files are tables, not texts
SYSTEM_DOC = Path("/usr/share/doc")
SKIPPED_FOLDERS = {"__pycache__", "site-packages", "dist-packages"}
OWN = "dolma_pipe"  # our own package must not change the sample


class LibraryFile(NamedTuple):
    """A file of a library root. path: relative to the root, after the root's name."""

    path: str
    file: Path
    package: str
    licence: str

    def document(self) -> Document | None:
        """The file (.gz unpacked) as a document; None where it is broken or long unpacked."""
        content = self.file.read_bytes()
        if self.file.suffix == ".gz":
            try:
                content = gzip.decompress(content)
            except (gzip.BadGzipFile, EOFError, zlib.error):
                return None
            if len(content) > MAX_BYTES:
                return None
        metadata = {"package": self.package, "license": self.licence}
        return Document(self.path, decode(content), metadata)


class Description(NamedTuple):
    """What an installed package says of itself: its summary and the page on the package index."""

    path: str
    text: str
    package: str
    licence: str

    def document(self) -> Document:
        """The description as a document."""
        metadata = {"package": self.package, "license": self.licence}
        return Document(self.path, self.text, metadata)


class Packages:
    """The installed packages: descriptions, licences, and whose a file of site-packages is."""

    def __init__(self, folders: list[Path]) -> None:
        self.versions: dict[str, str] = {}
        self.descriptions: list[Description] = []
        self._licences: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        for distribution in distributions(path=[str(folder) for folder in folders]):
            name = distribution.metadata["Name"]
            # An interrupted installation leaves folders without a name behind.
            if name is not None and not name.replace("-", "_").startswith(OWN):
                self._add(name, distribution)

    def _add(self, name: str, distribution: Distribution) -> None:
        facts = distribution.metadata.json
        self.versions[name] = distribution.version
        self._licences[name] = licence = _licence(facts)
        path = f"descriptions/{name}-{distribution.version}"
        text = f"{facts.get('summary', '')}\n\n{facts.get('description', '')}"
        self.descriptions.append(Description(path, text, name, licence))
        for line in (distribution.read_text("RECORD") or "").splitlines():
            self._owners.setdefault(line.split("/", 1)[0].split(",", 1)[0], name)

    def owner(self, path: str) -> tuple[str, str]:
        """(package, licence) of a path relative to site-packages."""
        top = path.split("/", 1)[0]
        package = self._owners.get(top, top)
        return package, self._licences.get(package, "unknown")


def _licence(facts: dict[str, str | list[str]]) -> str:
    """The licence's name; metadata may hold a name, a whole text or only classifiers."""
    for field in ("license_expression", "license"):
        lines = str(facts.get(field, "")).strip().splitlines()
        if lines and len(lines[0]) <= 80:
            return lines[0]
    named = [each for each in facts.get("classifier", []) if each.startswith("License ::")]
    return ", ".join(each.split(" :: ")[-1] for each in named) or "unknown"


def site_folders() -> list[Path]:
    """The site-packages of this environment, pure and platform, once each."""
    folders = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    return sorted(folders)


def standard_library() -> Iterator[LibraryFile]:
    """Files of the standard library, without site-packages inside it."""
    for path, file in walk(Path(sysconfig.get_path("stdlib"))):
        yield LibraryFile(f"stdlib/{path}", file, "python", "PSF-2.0")


def site_packages(packages: Packages) -> Iterator[LibraryFile]:
    """Files of the installed packages, without this one."""
    for folder in site_folders():
        for path, file in walk(folder):
            if not path.startswith((OWN, f"__editable___{OWN}", f"__editable__.{OWN}")):
                yield LibraryFile(f"site-packages/{path}", file, *packages.owner(path))


def system_documentation() -> Iterator[LibraryFile]:
    """Files of /usr/share/doc, on systems that have it."""
    for path, file in walk(SYSTEM_DOC):
        yield LibraryFile(f"doc/{path}", file, path.split("/", 1)[0], "see copyright")


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """(relative path, file) of the readable, non-empty regular files below root, sorted."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_symlink() or not file.is_file() or not os.access(file, os.R_OK):
                continue
            if 0 < file.stat().st_size <= MAX_BYTES:
                yield file.relative_to(root).as_posix(), file
