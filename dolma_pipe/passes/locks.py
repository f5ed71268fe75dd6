"""A folder that one run at a time writes to, locked while it does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dolma_pipe.engine import stopping
from dolma_pipe.errors import StoreError, WorkError
from dolma_pipe.work import address, is_remote
from dolma_pipe.work.lease import Lease
from dolma_pipe.work.lock import FolderLock

Lock = FolderLock | Lease


@contextmanager
def locked(
    root: Path,
    kind: str = "work directory",
    option: str = "--work",
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Lock]:
    """Two runs in one work directory would undo each other's files; a folder of somebody else's
    would lose its own. kind, option: what the folder is for, and what names it.

    Raises WorkError where it is refused, and where it is lost before the block ends: the folder was
    removed, or, on an object store, another run took this one for dead.
    """
    lock: Lock = Lease(root, say) if is_remote(root) else FolderLock(root)
    place = address(root)
    try:
        if lock.is_foreign():
            raise WorkError(
                f"{place} is not empty and no {kind} of ours: choose another with {option}"
            )
        owner = lock.take()
    except OSError as error:
        raise WorkError(f"cannot use {kind} {place}: {error.strerror or error}") from error
    if owner is not None:
        raise WorkError(f"another run uses the {kind} {place}{owner and ': '}{owner}")
    lost = WorkError(f"the {kind} {place} is lost, {lock.lost_by}; run again")
    try:
        with _watched(lock, lost):
            yield lock
    finally:
        with suppress(StoreError):
            lock.release()


@contextmanager
def _watched(lock: Lock, lost: WorkError) -> Iterator[None]:
    """Engines stop soon after it is lost; whatever goes wrong for that reason is told as that."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(lock.period):
            if not lock.is_ours():
                stopping.fail(lost)
                return

    watcher = threading.Thread(target=watch, name="lock", daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            over.set()
            watcher.join()
            stopping.fail(None)
    except Exception as error:
        if error is not lost and not lock.is_ours():
            raise lost from error
        raise
    if not lock.is_ours():
        raise lost
