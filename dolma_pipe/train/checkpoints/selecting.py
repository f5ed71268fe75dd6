"""Which checkpoints `pack` takes, and where their deltas go."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.delta import is_delta
from dolma_pipe.train.checkpoints.retention import DELTAS
from dolma_pipe.train.checkpoints.weights import ALONE, INDEX
from dolma_pipe.train.meta import checkpoint_folders


class Place(NamedTuple):
    """A checkpoint and where its delta goes, None: in its place. done: the delta is there."""

    checkpoint: Path
    out: Path | None
    done: bool


def places(what: Sequence[Path], base: Path, out: Path | None, *, replace: bool) -> list[Place]:
    """The checkpoints named, and all of the runs named but the base, each once.

    Raises TrainError where there is none, or two would go to the same place.
    """
    chosen: dict[Path, Place] = {}
    targets: dict[Path, Path] = {}
    for folder in what:
        for checkpoint in _checkpoints(folder, base):
            name = checkpoint.resolve().name
            target = None if replace else (out or checkpoint.parent / DELTAS) / name
            place = Place(checkpoint, target, is_delta(target or checkpoint))
            if chosen.setdefault(checkpoint.resolve(), place) is not place or target is None:
                continue
            if (other := targets.setdefault(target, checkpoint)) is not checkpoint:
                raise TrainError(f"{checkpoint} and {other} would both become {target}")
            if target.exists() and not place.done:
                raise TrainError(f"{target} is there already, and no delta: another --out")
    return list(chosen.values())


def _checkpoints(folder: Path, base: Path) -> list[Path]:
    if is_delta(folder) or any((folder / name).exists() for name in (*ALONE, INDEX)):
        return [folder]
    found = [path for path in checkpoint_folders(folder) if path.resolve() != base.resolve()]
    if not found:
        told = f" but the base {base.name}" if base.resolve().parent == folder.resolve() else ""
        raise TrainError(f"no checkpoints in {folder}{told}")
    return found
