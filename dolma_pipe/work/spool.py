"""Copies on this machine of files on object stores: fetched once for all tasks, held while a task
reads them, and let go of, the least recently used first, when they take too much room.

    SPOOL/files/<hash of the address>-<etag>     what was fetched or written here
    SPOOL/held/<pid>-<number>/<name>             hard links of a process: a copy that is let go of
                                                 stays until the task that asked for it ends
"""

import hashlib
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from dolma_pipe.errors import WorkError
from dolma_pipe.store.base import Stamp
from dolma_pipe.store.bucket import Bucket

VARIABLE = "DOLMA_PIPE_SPOOL"
"""The folder of the spool, by default one of the user in the system's folder for such files."""
ROOM = "DOLMA_PIPE_SPOOL_BYTES"
"""What copies may take, by default half of the room that there is."""

_numbers = itertools.count()


def fetched(bucket: Bucket, name: str) -> Path:
    """A copy of an object as it is now, with its name, until `release`.

    Raises FileNotFoundError where there is none.
    """
    for _ in range(8):
        stamp = bucket.head(name)
        if stamp is None:
            raise FileNotFoundError(f"{bucket.place}/{name} is not there")
        copy = _copy(bucket, name, stamp)
        with suppress(FileNotFoundError):  # just let go of by another process
            os.utime(copy)
            return _hold(copy, name)
        _make_room(stamp.size)
        with _temporary(copy) as temporary:
            bucket.get(name, temporary)
            if temporary.stat().st_size == stamp.size:  # else it has just been written anew
                temporary.replace(copy)
    raise WorkError(f"{bucket.place}/{name} changes while it is read")


@contextmanager
def written(bucket: Bucket, name: str) -> Iterator[IO[bytes]]:
    """A file that is uploaded when the block ends well; the copy stays for who reads it here."""
    with _temporary(_folder() / "files" / "written") as temporary:
        try:
            with temporary.open("xb") as file:
                yield file
            with temporary.open("rb") as file:
                stamp = bucket.put(file, name)
            _make_room(stamp.size)
            temporary.replace(_copy(bucket, name, stamp))
        except OSError as error:
            if error.filename is None or str(error.filename) == str(temporary):
                raise _refused(error) from error
            raise


def release() -> None:
    """At the end of a task: what it held may go."""
    held = _folder() / "held"
    with suppress(FileNotFoundError):
        for path in held.iterdir():
            if path.name.startswith(f"{os.getpid()}-"):
                shutil.rmtree(path, ignore_errors=True)


def clear_dead() -> None:
    """Remove what processes left that are no more."""
    with suppress(FileNotFoundError):
        for path in [*(_folder() / "held").iterdir(), *(_folder() / "files").glob(".*")]:
            pid = path.name.lstrip(".").partition("-")[0]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _hold(copy: Path, name: str) -> Path:
    folder = _folder() / "held" / f"{os.getpid()}-{next(_numbers)}"
    folder.mkdir(parents=True)
    path = folder / Path(name).name
    os.link(copy, path)
    return path


def _copy(bucket: Bucket, name: str, stamp: Stamp) -> Path:
    digest = hashlib.sha256(f"{bucket.place}/{name}\0{stamp.etag}".encode()).hexdigest()
    return _folder() / "files" / digest[:40]


@contextmanager
def _temporary(beside: Path) -> Iterator[Path]:
    path = beside.with_name(f".{os.getpid()}-{secrets.token_hex(6)}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _make_room(size: int) -> None:
    """Let go of copies, the least recently used first, until another of this size has its room."""
    found = []
    for path in (_folder() / "files").iterdir():
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, path))
    left = sum(known for _, known, _ in found) + size
    for _, known, path in sorted(found):
        if left <= _room():
            return
        if not path.name.startswith("."):
            path.unlink(missing_ok=True)
            left -= known


@cache
def _room() -> int:
    given = os.environ.get(ROOM)
    if given is None:
        return shutil.disk_usage(_folder()).free // 2
    if not given.isdecimal():
        raise WorkError(f"{ROOM} is {given!a}, not a number of bytes")
    return int(given)


@cache
def _folder() -> Path:
    """The spool, which is nobody else's."""
    given = os.environ.get(VARIABLE)
    folder = Path(given or Path(tempfile.gettempdir()) / f"dolma-pipe-{os.getuid()}")
    try:
        for part in (folder, folder / "files", folder / "held"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise _refused(error) from error
    if owner != os.getuid():
        raise WorkError(f"{folder} is somebody else's: set {VARIABLE} to a folder of yours")
    return folder


def _refused(error: OSError) -> WorkError:
    place = os.environ.get(VARIABLE) or tempfile.gettempdir()
    return WorkError(f"cannot write in {place}: {error.strerror or error}; set {VARIABLE}")
