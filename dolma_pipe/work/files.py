"""Files of a work directory, wherever it lies: read, written, listed and removed by path."""

import errno
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from dolma_pipe import atomic
from dolma_pipe.errors import WorkError
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work import spool
from dolma_pipe.work.ahead import ahead

REMOTE = "s3:"
"""First part of a path on an object store: Path("s3://bucket/run").parts[0]."""
REMOVALS = 20
"""Tries to remove a folder to which files are added meanwhile."""
FETCHED_AT_ONCE = 4
"""Files, each of which boto3 fetches in several pieces at the same time."""


def is_remote(path: Path | str) -> bool:
    """Whether a path, or its text, is on an object store."""
    return Path(path).parts[:1] == (REMOTE,)


def address(path: Path) -> str:
    """As people write it: s3://bucket/run, where str(path) is s3:/bucket/run."""
    return "s3://" + "/".join(path.parts[1:]) if is_remote(path) else str(path)


def here(path: Path | str) -> Path:
    """The file on this machine: itself, or a copy that stays until the task ends (release).

    Raises FileNotFoundError where there is none, StoreError where a store refuses.
    """
    path = Path(path)
    if not is_remote(path):
        return path
    bucket, name = _placed(path)
    return spool.fetched(bucket, name)


@contextmanager
def held(path: Path | str) -> Iterator[Path]:
    """As `here`, but a copy goes with the block: for who reads many, and is no task."""
    copy = here(path)
    try:
        yield copy
    finally:
        if is_remote(path):
            spool.let_go(copy)


def all_here(paths: Iterable[Path], *, keep: bool = False) -> Iterator[Path]:
    """As `here`, one after the other, while the next ones are fetched.

    keep: until the task ends; else a copy goes when the next one is asked for.
    """
    paths = list(paths)
    if not any(map(is_remote, paths)):
        yield from paths
        return
    for path, copy in zip(paths, ahead(here, paths, FETCHED_AT_ONCE), strict=True):
        yield copy
        if is_remote(path) and not keep:
            spool.let_go(copy)


def read_bytes(path: Path | str) -> bytes:
    """All of a small file, of an object without a copy here.

    Raises FileNotFoundError where there is none.
    """
    path = Path(path)
    if not is_remote(path):
        return path.read_bytes()
    bucket, name = _placed(path)
    if (content := bucket.read(name)) is None:
        raise FileNotFoundError(f"{address(path)} is not there")
    return content


def read_all(paths: Iterable[Path]) -> dict[Path, bytes]:
    """Small files, those of them that are there; objects many at a time."""

    def read(path: Path) -> tuple[Path, bytes] | None:
        with suppress(FileNotFoundError):
            return path, read_bytes(path)
        return None

    paths = list(paths)
    if not any(map(is_remote, paths)):
        return dict(filter(None, map(read, paths)))
    return dict(filter(None, ahead(read, paths)))


def read_range(path: Path, start: int, size: int) -> bytes:
    """Some bytes of a file, of an object without fetching all of it; fewer at its end.

    Raises FileNotFoundError where there is none.
    """
    if is_remote(path):
        bucket, name = _placed(path)
        if (content := bucket.read_range(name, start, size)) is None:
            raise FileNotFoundError(f"{address(path)} is not there")
        return content
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(size)


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name when the block ends well: on disk, or, spooled here
    and uploaded once, on an object store.

    durable: False for what no later run reads, which need not outlive a power cut.

    Raises WorkError where the file cannot be written, StoreError where a store refuses.
    """
    if not is_remote(path):
        with atomic.atomic_write(path, durable=durable) as file:
            yield file
        return
    bucket, name = _placed(path)
    with spool.written(bucket, name) as file:
        yield file


def write_new(path: Path, content: bytes) -> None:
    """Write a small file that is not there yet: of two writers at once to an object store, one is
    refused. In a folder, the lock of the work directory is what keeps others away, and nobody waits
    for the disk: after a power cut the file may be missing or empty.

    Raises WorkError where somebody else has just written another content.
    """
    if not is_remote(path):
        with atomic.atomic_write(path, durable=False) as file:
            file.write(content)
        return
    bucket, name = _placed(path)
    if not bucket.create(name, content) and bucket.read(name) != content:
        raise WorkError(f"another run writes {address(path)} at the same time: end one of them")


def size_of(path: Path) -> int:
    """Bytes of a file. Raises FileNotFoundError where there is none."""
    if not is_remote(path):
        return path.stat().st_size
    bucket, name = _placed(path)
    if (stamp := bucket.head(name)) is None:
        raise FileNotFoundError(f"{address(path)} is not there")
    return stamp.size


def sizes_below(folder: Path, paths: Sequence[Path]) -> list[int]:
    """Bytes of files below a folder, which is listed once where they are objects.

    Raises FileNotFoundError where one is not there.
    """
    if not is_remote(folder):
        return [path.stat().st_size for path in paths]
    there = files_below(folder)
    if missing := next((path for path in paths if path not in there), None):
        raise FileNotFoundError(f"{address(missing)} is not there")
    return [there[path] for path in paths]


def exists(path: Path) -> bool:
    """Whether there is a file."""
    try:
        size_of(path)
    except FileNotFoundError:
        return False
    return True


def files_below(folder: Path) -> dict[Path, int]:
    """Every file below a folder and its size in bytes, sorted; none where there is no folder."""
    if not is_remote(folder):
        sizes = {}
        for path in sorted(folder.rglob("*")):
            with suppress(FileNotFoundError):  # the temporary file of somebody who writes
                if path.is_file():
                    sizes[path] = path.stat().st_size
        return sizes
    bucket, name = _placed(folder)
    root = Path(*folder.parts[:2])
    return {root / found: stamp.size for found, stamp in bucket.list(name).items()}


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    if not is_remote(path):
        path.unlink(missing_ok=True)
        return
    bucket, name = _placed(path)
    bucket.delete(name)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it, if it is there; also where a twin that nobody waits for any
    more still writes there."""
    if not is_remote(folder):
        for left in reversed(range(REMOVALS)):
            try:
                if folder.exists():
                    shutil.rmtree(folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTEMPTY) or not left:
                    raise
    bucket, name = _placed(folder)
    bucket.delete_all(list(bucket.list(name)))


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files that are there, objects in few requests; all of them on the same store."""
    paths = list(paths)
    if not any(map(is_remote, paths)):
        for path in paths:
            path.unlink(missing_ok=True)
    elif paths:
        placed = [_placed(path) for path in paths]
        placed[0][0].delete_all([name for _, name in placed])


def clear_unfinished(root: Path) -> None:
    """Clear away what killed writers left; only for who holds the folder alone."""
    if not is_remote(root):
        atomic.remove_temporaries(root)
        return
    bucket, name = _placed(root)
    bucket.remove_unfinished(name)


def _placed(path: Path) -> tuple[Bucket, str]:
    """The bucket of a path, and the name of the object in it."""
    if len(path.parts) < 2:
        raise WorkError(f"{path} is no address: s3://bucket/prefix")
    return _bucket(path.parts[1]), "/".join(path.parts[2:])


@lru_cache(maxsize=64)
def _bucket(name: str) -> Bucket:
    return Bucket(f"s3://{name}")
