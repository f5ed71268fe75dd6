"""Files that are read here and there instead of from begin to end."""

import io
from typing import IO

from dolma_pipe.errors import InputError
from dolma_pipe.stream import open_binary, told


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
