"""From train.yaml to a trained model: what is said first, one process a folder, the loop."""

import fcntl
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

LOCK, CONFIG = ".lock", "config.json"


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise TrainError(f"cannot write {folder}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainError(f"{folder}: another training writes there") from None
        yield
