"""A spool: words one after the other, in memory while they are few, else in a temporary file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

import numpy as np

from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import U64
from dolma_pipe.work import is_remote, scratch


class Spool:
    """Holds `held` words (8 bytes each) at most; the file has no name, and so goes with us."""

    def __init__(self, folder: Path | None, held: int) -> None:
        """folder: of the file, made when there is one; the system's own for None, this machine's
        spool for one on an object store."""
        self._folder = folder
        self._held = held
        self._parts: list[U64] = []
        self._in_memory = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, words: U64) -> None:
        """Append what is in an array of any shape, row by row. Raises WorkError on a full disk."""
        self._parts.append(np.ascontiguousarray(words).ravel())
        self._in_memory += words.size
        if self._in_memory > self._held:
            self._spill()

    def all(self) -> U64:
        """All words; those of a file are mapped, which outlives the spool."""
        if self._file is None:
            return np.concatenate([np.empty(0, np.uint64), *self._parts])
        self._spill()
        return np.asarray(np.memmap(self._file, np.uint64, "c"))

    def pieces(self, words: int) -> Iterator[U64]:
        """All words, so many at a time."""
        if self._file is None:
            whole = self.all()
            yield from (whole[i : i + words] for i in range(0, len(whole), words))
            return
        self._spill()
        self._file.seek(0)
        while len(piece := np.frombuffer(self._file.read(8 * words), np.uint64)):
            yield piece

    def _spill(self) -> None:
        try:
            if self._file is None:
                if self._folder is not None:
                    self._folder = scratch() if is_remote(self._folder) else self._folder
                    self._folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed on exit)
            for part in self._parts:
                self._file.write(part.data)
            self._file.flush()
        except OSError as error:
            place = self._folder or tempfile.gettempdir()
            raise WorkError(f"cannot write in {place}: {error.strerror or error}") from error
        self._parts, self._in_memory = [], 0
