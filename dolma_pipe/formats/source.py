"""Files that are read here and there instead of from begin to end."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.manifest import content_hash
from dolma_pipe.remote import is_address
from dolma_pipe.stream import ByteStream, open_binary, told
from dolma_pipe.work import scratch


@contextmanager
def here(uri: str) -> Iterator[tuple[str, str]]:
    """The path of a file on this machine and the content hash of what is in it: the file itself, or
    a copy of a remote one until the block ends, which costs one download.

    The hash is of before the block: a local file that is overwritten in it then counts as changed.
    Raises InputError, WorkError where there is no room for the copy.
    """
    if not is_address(uri):
        yield uri, content_hash(uri)
        return
    path, stream = scratch() / "copy", ByteStream(uri)
    try:
        try:
            with path.open("xb") as file:
                for piece in stream.stored():
                    file.write(piece)
        except OSError as error:
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error
        yield str(path), stream.content_hash
    finally:
        path.unlink(missing_ok=True)


class Source(io.RawIOBase):
    """A seekable file, local or remote, that remembers its own errors: what a library says of
    them does not tell a broken connection from a damaged file.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._error: OSError | None = None
        try:
            self._file: IO[bytes] = open_binary(uri)
        except OSError as error:
            raise self._told(error) from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self._error = error
            raise

    def seek(self, place: int, whence: int = 0) -> int:
        try:
            return self._file.seek(place, whence)
        except OSError as error:
            self._error = error
            raise

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def refuse(self) -> None:
        """Raise InputError if the file itself could not be read."""
        if self._error is not None:
            raise self._told(self._error) from self._error

    def _told(self, error: OSError) -> InputError:
        return InputError(f"cannot read {self._uri}: {told(error)}")
