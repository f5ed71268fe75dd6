"""Files and folders on this machine that appear whole, or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dolma_pipe.errors import WorkError

TEMPORARY = ".dolma-pipe-tmp"


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name, flushed to disk, when the block ends well.

    durable: False for what no later run reads, which need not outlive a power cut.

    Raises WorkError where the file cannot be written: a full disk, a read-only folder. An OSError
    about another file is not ours to explain.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(path.parent)):
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    finally:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which appears under its name when the block ends well.

    What a killed run left is removed first. Raises WorkError where there is something at path
    already, or it cannot be written.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise WorkError(f"{path} is there already: choose another place")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(path.parent)):
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Clear away what killed writers left; only for who holds the folder alone."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)
