"""What a folder and a bucket have in common: names below a place, each a whole file or none."""

import io
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec

Content = io.BufferedReader | io.BytesIO
"""What is stored: a file, or bytes."""


class Stamp(msgspec.Struct, frozen=True):
    """What a store says of a file: size in bytes, and an etag that changes with its content ("" in
    a folder)."""

    size: int
    etag: str


class Store(ABC):
    """Files by name, "tokens/web/part-00000.npy", below a place. All methods raise StoreError."""

    place: str
    """The folder or address, as it may be shown: it holds no credentials."""

    @abstractmethod
    def put(self, file: Content, name: str) -> Stamp:
        """Store all of a file that can seek; it appears when all of it is there. What is there with
        the same content already may be left as it is."""

    @abstractmethod
    def get(self, name: str, path: Path) -> None:
        """Fetch a file to a local path. Raises WorkError where that cannot be written."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A small file; None where it is not there."""

    @abstractmethod
    def head(self, name: str) -> Stamp | None:
        """None where it is not there."""

    @abstractmethod
    def list(self, folder: str) -> dict[str, Stamp]:
        """Every file below a folder, or below the place ("" as folder), by name; sorted."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def remove_unfinished(self, folder: str) -> None:
        """Clear away what killed writers left; only for who owns the folder."""
