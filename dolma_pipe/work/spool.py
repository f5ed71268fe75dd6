"""Copies on this machine of files on object stores: fetched once for all tasks, held while a task
reads them, and let go of, the least recently used first, when they take too much room.

    SPOOL/files/<hash of the address>-<etag>     what was fetched or written here
    SPOOL/held/<process>/<number>/<name>         hard links of a process: a copy that is let go of
                                                 stays until the task that asked for it ends
    SPOOL/held/<process>.lock                    falls with the process: what it left can go
    SPOOL/turns/<hash>                           of processes that want the same file one fetches it
"""

import atexit
import fcntl
import hashlib
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
UNSEEN = 64
"""A process looks at all copies again once it has filled this part of the room that was left."""

_held: list[Path] = []


def fetched(bucket: Bucket, name: str) -> Path:
    """A copy of an object as it is now, with its name, until `release`.

    Raises FileNotFoundError where there is none, WorkError where it does not fit here.
    """
    for _ in range(8):
        stamp = bucket.head(name)
        if stamp is None:
            raise FileNotFoundError(f"{bucket.place}/{name} is not there")
        copy = _copy(bucket, name, stamp)
        if not copy.exists():
            _fetch(bucket, name, stamp, copy)
        with suppress(FileNotFoundError):  # changed, or just let go of by another process
            return _hold(copy, Path(name).name)
    raise WorkError(f"{bucket.place}/{name} changes while it is read: run again")


@contextmanager
def written(bucket: Bucket, name: str) -> Iterator[IO[bytes]]:
    """A file that is uploaded when the block ends well; the copy stays for who reads it here."""
    with _temporary() as temporary:
        try:
            with temporary.open("xb") as file:
                yield file
        except OSError as error:
            if error.filename is None or str(error.filename) == str(temporary):
                raise _refused(error) from error
            raise
        with temporary.open("rb") as file:
            stamp = bucket.overwrite(file, name)
        _ledger(_folder(), _room()).take(stamp.size)
        temporary.replace(_copy(bucket, name, stamp))


def scratch() -> Path:
    """An empty folder on this machine, which goes when the task ends."""
    folder = _own(_folder()) / secrets.token_hex(6)
    folder.mkdir()
    _held.append(folder)
    return folder


def release() -> None:
    """At the end of a task: what it held may go."""
    while _held:
        shutil.rmtree(_held.pop(), ignore_errors=True)


def let_go(copy: Path) -> None:
    """What `fetched` has given may go before the task ends."""
    with suppress(ValueError):  # the task has ended meanwhile
        _held.remove(copy.parent)
    shutil.rmtree(copy.parent, ignore_errors=True)


def _hold(copy: Path, name: str) -> Path:
    path = scratch() / name
    try:
        os.utime(copy)
        path.hardlink_to(copy)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(error) from error
    return path


def _fetch(bucket: Bucket, name: str, stamp: Stamp, copy: Path) -> None:
    with _turn(copy):
        if copy.exists():  # another process has fetched it meanwhile
            return
        _ledger(_folder(), _room()).take(stamp.size)
        free = shutil.disk_usage(_folder()).free
        if free < stamp.size:
            raise WorkError(
                f"no room for {bucket.place}/{name}: {stamp.size:,} bytes, {free:,} are free in "
                f"{_folder()}; set {VARIABLE} to a folder on another disk"
            )
        with _temporary() as temporary:
            bucket.get(name, temporary)
            if temporary.stat().st_size == stamp.size:  # else it has just been written anew
                temporary.replace(copy)


@contextmanager
def _turn(copy: Path) -> Iterator[None]:
    """One process after the other; files with the same two first digits take turns, too."""
    with (_folder() / "turns" / copy.name[:2]).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(bucket: Bucket, name: str, stamp: Stamp) -> Path:
    digest = hashlib.sha256(f"{bucket.place}/{name}\0{stamp.etag}".encode()).hexdigest()
    return _folder() / "files" / digest[:40]


@contextmanager
def _temporary() -> Iterator[Path]:
    path = _own(_folder()) / f"{secrets.token_hex(6)}.new"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


class _Ledger:
    """What copies take. Looking at all of them for each new one would take longer than fetching
    it: this process looks again when it has filled a small part of what was left."""

    def __init__(self, files: Path, room: int | None) -> None:
        self._files = files
        self._room = room
        self._unseen = 0

    def take(self, size: int) -> None:
        """Let go of copies, the least recently used first, until another of this size has its
        room."""
        self._unseen -= size
        if self._unseen > 0:
            return
        found = []
        for path in self._files.iterdir():
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        taken = sum(known for _, known, _ in found)
        room = self._room
        if room is None:
            room = (shutil.disk_usage(self._files).free + taken) // 2
        left = room - taken - size
        for _, known, path in sorted(found):
            if left >= 0:
                break
            path.unlink(missing_ok=True)
            left += known
        self._unseen = max(0, left) // UNSEEN


@cache
def _ledger(folder: Path, room: int | None) -> _Ledger:
    return _Ledger(folder / "files", room)


@cache
def _room() -> int | None:
    given = os.environ.get(ROOM)
    if given is None:
        return None
    if not given.isdecimal():
        raise WorkError(f"{ROOM} is {given!a}, not a number of bytes")
    return int(given)


@cache
def _own(folder: Path) -> Path:
    """Of this process. What processes left that are no more is cleared away first."""
    held = folder / "held"
    for lock in held.glob("*.lock"):
        with suppress(OSError), lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink()
    while True:
        own = held / secrets.token_hex(8)
        lock = own.with_suffix(".lock")
        try:
            handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)  # until the process ends, even by kill -9
            if lock.exists():  # else somebody has just cleared it away
                own.mkdir()
                atexit.register(shutil.rmtree, own, ignore_errors=True)
                return own
        except OSError as error:
            raise _refused(error) from error
        os.close(handle)


@cache
def _folder() -> Path:
    """The spool, which is nobody else's."""
    given = os.environ.get(VARIABLE)
    folder = Path(given or Path(tempfile.gettempdir()) / f"dolma-pipe-{os.getuid()}")
    try:
        for part in (folder, folder / "files", folder / "held", folder / "turns"):
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
