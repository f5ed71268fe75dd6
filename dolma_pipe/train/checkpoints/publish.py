"""A checkpoint's folder appears under its name whole, and on disk: it outlives kill -9 and a power
cut."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dolma_pipe.errors import TrainError
from dolma_pipe.work import TEMPORARY


@contextmanager
def published(
    folder: Path, *, main: bool = True, wait: Callable[[], None] = lambda: None
) -> Iterator[Path]:
    """A temporary folder to fill, which is called `folder` when the block ends well.

    Of several processes every one enters the block, with a wait (a barrier) that returns when all
    have called it; one of them is main, which makes the folder and gives it its name. Files that a
    process wrote may be read by others when the block has ended. The temporary folder of a killed
    process is replaced by the next one of its name, see also retention.remove_leftovers.

    Raises TrainError where the folder is there already, or cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}{TEMPORARY}")
    try:
        if main:
            if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
                raise TrainError(f"{folder} is there already: choose another folder")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        wait()
        yield temporary
        wait()  # or others' own temporary files vanish while they are looked at
        sync_files(temporary)  # each process: its own cache holds what it wrote to a shared disk
        wait()
        if main:
            temporary.replace(folder)
            sync_folder(folder.parent)
        wait()
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(folder.parent)):
            raise TrainError(f"cannot write {folder}: {error.strerror or error}") from error
        raise
    finally:
        if main:
            shutil.rmtree(temporary, ignore_errors=True)


def sync_files(folder: Path) -> None:
    """Every file below the folder, and its place there, is on disk when this returns."""
    for root, _, names in os.walk(folder):
        for name in names:
            _sync(Path(root, name))
        _sync(Path(root))


def sync_folder(folder: Path) -> None:
    """The names in the folder are on disk when this returns."""
    _sync(folder)


def _sync(path: Path) -> None:
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
