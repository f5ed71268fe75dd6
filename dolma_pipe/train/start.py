"""From train.yaml to a trained model: what is said first, one process a folder, the loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import TrainConfig
from dolma_pipe.train.loop import train
from dolma_pipe.train.metrics.file import METRICS, last_metrics
from dolma_pipe.train.parallel import World, joined
from dolma_pipe.train.setup import Training
from dolma_pipe.work import write_json
from dolma_pipe.work.lock import FolderLock

CONFIG = "config.json"


class Trained(msgspec.Struct):
    """A training. description: of model, data and length, before the first step.

    step, tokens: done; of so many. metrics: the last of each, by their names in metrics.jsonl.
    """

    folder: Path
    description: list[str]
    step: int
    tokens: int
    steps_in_all: int
    tokens_in_all: int
    metrics: dict[str, float | None]


Told = Callable[[Trained], object]


def start(config: TrainConfig, *, only_check: bool = False, told: Told | None = None) -> int:
    """Train, or go on. Returns the signal that ended it, saved, or 0. Raises UserError.

    only_check: open the data, make the model, and write nothing. told: what the main process calls
    in the end.
    """
    with joined(config.device) as world:
        if only_check:
            training = Training(config, world)
            _tell(training, training.described(), told)
            return 0
        with _alone(config.folder, world):
            training = Training(config, world)
            training.begin()  # refused, it leaves the settings that the run was trained with
            if world.is_main:
                write_json(config.folder / CONFIG, msgspec.to_builtins(config))
            description = training.described()
            for line in description:
                training.metrics.say(line)
            try:
                signal = train(training)
            finally:
                training.metrics.close()
            _tell(training, description, told)
            return signal


def _tell(training: Training, description: list[str], told: Told | None) -> None:
    if told is None or not training.world.is_main:
        return
    config, at, end = training.config, training.at, training.end
    told(
        Trained(
            folder=config.folder,
            description=description,
            step=at.step,
            tokens=at.tokens,
            steps_in_all=end.step,
            tokens_in_all=end.tokens,
            metrics=last_metrics(config.folder / METRICS),
        )
    )


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
