"""A folder on this machine, or mounted there, as a store."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dolma_pipe.atomic import TEMPORARY, atomic_write, remove_temporaries
from dolma_pipe.errors import StoreError, WorkError
from dolma_pipe.store.base import Content, Stamp, Store

PIECE = 1 << 20


class Folder(Store):
    """A folder; it need not be there yet."""

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)
        self.place = str(root)

    def put(self, file: Content, name: str) -> Stamp:
        try:
            with atomic_write(self._root / name) as target:
                shutil.copyfileobj(file, target, PIECE)
        except WorkError as error:
            raise StoreError(str(error)) from error
        return Stamp((self._root / name).stat().st_size, "")

    def get(self, name: str, path: Path) -> None:
        with self._told(name), (self._root / name).open("rb") as file, atomic_write(path) as target:
            shutil.copyfileobj(file, target, PIECE)

    def read(self, name: str) -> bytes | None:
        with self._told(name):
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                return None

    def head(self, name: str) -> Stamp | None:
        with self._told(name):
            try:
                return Stamp((self._root / name).stat().st_size, "")
            except FileNotFoundError:
                return None

    def list(self, folder: str) -> dict[str, Stamp]:
        with self._told(folder):
            return {
                path.relative_to(self._root).as_posix(): Stamp(path.stat().st_size, "")
                for path in sorted((self._root / folder).rglob("*"))
                if path.is_file() and not path.name.endswith(TEMPORARY)
            }

    def delete(self, name: str) -> None:
        with self._told(name):
            (self._root / name).unlink(missing_ok=True)

    def remove_unfinished(self, folder: str) -> None:
        with self._told(folder):
            remove_temporaries(self._root / folder)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._root / name}: {error.strerror or error}") from error
