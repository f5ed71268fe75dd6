"""The lock of a folder on this machine: flock, which ends with its process, even by kill -9."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

LOCK = ".lock"
"""Its name also says whose folder it is: it stays when the run has ended."""


class FolderLock:
    """Held by one process at a time, for as long as that lives. Methods raise OSError where the
    folder cannot be used, or its file system has no locks."""

    period = 1.0
    """Seconds between looks whether it is still ours: somebody may have removed the folder."""

    lost_by = "somebody removed or moved it"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def is_foreign(self) -> bool:
        """Whether the folder holds files, but was never locked by us."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return not (self._folder / LOCK).exists() and any(self._folder.iterdir())

    def take(self) -> str | None:
        """None when it is ours; "" where another process has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / LOCK).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return ""
        except OSError:
            file.close()
            raise
        self._file = file
        return None

    def is_ours(self) -> bool:
        """False when the file that we hold is no more the one in the folder."""
        assert self._file is not None
        try:
            there = (self._folder / LOCK).stat()
        except OSError as error:  # a network drive that does not answer has lost nothing
            return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
        return os.path.samestat(there, os.fstat(self._file.fileno()))

    def release(self) -> None:
        """A folder that was removed, and that a task has made again since, is marked as ours."""
        assert self._file is not None
        if not self.is_ours() and self._folder.is_dir():
            with suppress(OSError):
                (self._folder / LOCK).touch()
        self._file.close()
