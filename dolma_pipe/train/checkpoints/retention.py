"""Which checkpoints of a run go, and how: never the newest, never one that a delta needs."""

import os
import secrets
import shutil
from pathlib import Path

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.delta import DELTA, read_header
from dolma_pipe.train.checkpoints.publish import sync_folder
from dolma_pipe.train.meta import CHECKPOINT, checkpoint_folders, read_meta
from dolma_pipe.work import TEMPORARY

DELTAS = "deltas"
"""In a run's folder: where deltas lie that do not replace their checkpoints."""


def to_remove(steps: list[int], keep_last: int | None, keep_every: int | None) -> list[int]:
    """Which of the whole checkpoints at these steps go, oldest first.

    keep_last: the newest so many stay; keep_every: those at a multiple of it stay, too. Both None:
    all stay; keep_every alone keeps the newest beside its own.
    """
    if keep_last is None and keep_every is None:
        return []
    old = sorted(set(steps))[: -(keep_last or 1)]
    return [step for step in old if keep_every is None or step % keep_every]


def remove_old(run: Path, keep_last: int | None, keep_every: int | None) -> list[str]:
    """Remove what may go; its names, oldest first. For one process of a training only.

    A base of a delta in this run stays, too.
    """
    if keep_last is None and keep_every is None:
        return []
    steps = {path: read_meta(path).step for path in checkpoint_folders(run)}
    old = set(to_remove(list(steps.values()), keep_last, keep_every))
    gone = [path for path, step in steps.items() if step in old and not deltas_of(path)]
    for path in gone:
        remove(path)
    return [path.name for path in gone]


def remove(folder: Path) -> None:
    """Remove a checkpoint: its name goes first, so that no half of it is ever found.

    Raises TrainError where it cannot be removed.
    """
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{TEMPORARY}")
    try:
        folder.rename(temporary)
        sync_folder(folder.parent)
        shutil.rmtree(temporary)
    except OSError as error:
        raise TrainError(f"cannot remove {folder}: {error.strerror or error}") from error


def leftovers(run: Path) -> list[Path]:
    """Temporary folders of checkpoints, which killed writers and removers left."""
    return sorted(
        path
        for path in run.glob(f".*{TEMPORARY}")
        if CHECKPOINT.match(path.name[1:].partition(".")[0])
    )


def remove_leftovers(run: Path) -> None:
    """Clear away what was killed half-way; only for who alone writes to this run."""
    for path in leftovers(run):
        shutil.rmtree(path, ignore_errors=True)


def deltas_of(checkpoint: Path) -> list[Path]:
    """The deltas in the run of a checkpoint of which it is the base, or may be: whose base cannot
    be told."""
    run, found = checkpoint.parent, []
    for path in sorted([*run.glob(f"*/{DELTA}"), *run.glob(f"{DELTAS}/*/{DELTA}")]):
        try:
            base = read_header(path).base
        except TrainError:
            found.append(path.parent)
            continue
        places = (path.parent / base.path, Path(base.absolute))
        if any(os.path.realpath(place) == os.path.realpath(checkpoint) for place in places):
            found.append(path.parent)
    return found
