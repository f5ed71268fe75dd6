"""From train.yaml to a trained model: what is said first, one process a folder, the loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import TrainConfig
from dolma_pipe.train.loop import train
from dolma_pipe.train.parallel import World, joined
from dolma_pipe.train.setup import Training
from dolma_pipe.work import write_json
from dolma_pipe.work.lock import FolderLock

CONFIG = "config.json"


def start(config: TrainConfig, *, only_check: bool = False) -> int:
    """Train, or go on. Returns the signal that ended it, saved, or 0. Raises UserError.

    only_check: open the data, make the model, tell what would be trained, and write nothing.
    """
    with joined(config.device) as world:
        if only_check:
            told = Training(config, world).described()
            if world.is_main:
                print("\n".join(told))
            return 0
        with _alone(config.folder, world):
            training = Training(config, world)
            training.begin()  # refused, it leaves the settings that the run was trained with
            if world.is_main:
                write_json(config.folder / CONFIG, msgspec.to_builtins(config))
            for line in training.described():
                training.metrics.say(line)
            try:
                return train(training)
            finally:
                training.metrics.close()


@contextmanager
def _alone(folder: Path, world: World) -> Iterator[None]:
    """One training a folder: two would remove each other's checkpoints."""
    if not world.is_main:
        yield
        return
    lock = FolderLock(folder)
    try:
        owner = lock.take()
    except OSError as error:
        raise TrainError(f"cannot write {folder}: {error.strerror}") from error
    if owner is not None:
        raise TrainError(f"{folder}: another training writes there")
    try:
        yield
    finally:
        lock.release()
