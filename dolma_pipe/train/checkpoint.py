"""Save and load a training: a Hugging Face directory, the optimizer's state, and meta.json.

    stepN/model.safetensors, config.json   fp32, as trained; transformers loads it
    stepN/tokenizer.json                   of the arrays, where they carry it
    stepN/train/                           torch.distributed.checkpoint: loads at any world size
    stepN/meta.json                        where the training was

With adapters (LoRA) stepN/ holds these in PEFT's form instead of whole weights. The folder appears
under its name when all of it is on disk.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.state_dict import (
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import one_line
from dolma_pipe.train.config import TrainConfig
from dolma_pipe.train.data import Instances
from dolma_pipe.train.model.initial import initialise
from dolma_pipe.train.model.weights import copy_weights, save_weights
from dolma_pipe.train.optimizer import Optimizers
from dolma_pipe.train.parallel import Parallel
from dolma_pipe.train.state_reader import StatePlanner, StateReader
from dolma_pipe.train.tokenizer_files import write_tokenizer
from dolma_pipe.train.tuning.adapters import (
    Base,
    base_of,
    has_adapters,
    read_adapters,
    save_adapters,
)
from dolma_pipe.train.tuning.lora import adapter_state, first_adapters
from dolma_pipe.train.tuning.weights import model_weights

STATE = "train"


def save_optimizer(folder: Path, parallel: Parallel, optimizers: Optimizers) -> None:
    """Every process writes its part into folder/train; all must call it.

    Raises TrainError on all of them where one cannot write: a full disk.
    """
    state = _state(parallel, optimizers)
    try:
        with _quietly():
            save(state, storage_writer=FileSystemWriter(folder / STATE))
    except CheckpointException as error:
        if told := _of_the_disk(error):
            raise TrainError(f"cannot write {folder / STATE}: {told}") from error
        raise


def load_optimizer(folder: Path, parallel: Parallel, optimizers: Optimizers) -> None:
    """Go on with what was saved, at whatever world size. Raises TrainError."""
    state = _state(parallel, optimizers)
    try:
        with _quietly():
            load(state, storage_reader=StateReader(folder / STATE), planner=StatePlanner())
    except (CheckpointException, OSError, RuntimeError, EOFError) as error:
        raise TrainError(f"{folder / STATE}: cannot be read: {_last(error)}") from error
    set_optimizer_state_dict(parallel.model, optimizers.each, optim_state_dict=state)
    optimizers.as_asked()


def _last(error: BaseException) -> str:
    """Of torch's tracebacks of all processes, the last line."""
    return f"{one_line(error).rpartition('Error: ')[2] or type(error).__name__:.200}"


def _of_the_disk(error: CheckpointException) -> str:
    """What the disk said, or "" where it was something else.

    torch's own writer then fails over its position in the file, and what other processes tell has
    lost the first cause.
    """
    for failure, _ in error.failures.values():
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, OSError):
                return cause.strerror or one_line(cause)
            cause = cause.__cause__ or cause.__context__
        if "inline_container" in str(failure):
            return "is the disk full?"
    return ""


@contextmanager
def _quietly() -> Iterator[None]:
    """One process alone is what was asked for: torch need not warn of it, nor log the errors that
    it raises."""
    logged = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is (dis|un)a", UserWarning)
            yield
    finally:
        logging.disable(logged)


def _state(parallel: Parallel, optimizers: Optimizers) -> dict[str, Any]:
    """By names of parameters; torch makes what a first step would make, and changes nothing."""
    return dict(get_optimizer_state_dict(parallel.model, optimizers.each))


class Weights:
    """The weights of a run on their way to and from disk: whole, or adapters on those of a base."""

    def __init__(self, parallel: Parallel, config: TrainConfig, instances: Instances) -> None:
        """instances: whose tokenizer lies in every checkpoint, where they carry it."""
        self._parallel, self._lora, self._instances = parallel, config.lora, instances
        tokenizer = instances.tokenizer_file
        self._tokenizer = tokenizer.read_bytes() if tokenizer is not None else None
        self._start = Path(config.start) if config.start else None
        self._seed = config.seed
        self._base: Base | None = None

    def first(self) -> None:
        """Those that a training starts with."""
        model = self._parallel.model
        if self._start is None:
            initialise(model, self._seed)
            return
        adapters = first_adapters(model, self._seed) if self._lora else ()
        copy_weights(model, chain(model_weights(self._start), adapters), str(self._start))

    def load(self, folder: Path) -> None:
        """Those of a checkpoint. Raises TrainError where it is damaged or of another model."""
        if has_adapters(folder) != (self._lora is not None):
            told = "has adapters alone" if self._lora is None else "has whole weights"
            raise TrainError(f"{folder} {told}, unlike `lora` of this training: another name")
        base = folder if self._lora is None else base_of(folder)
        adapters = () if self._lora is None else read_adapters(folder).state.items()
        copy_weights(self._parallel.model, chain(model_weights(base), adapters), str(folder))

    def save(self, folder: Path) -> None:
        """Into a checkpoint that is being written; all processes must call it."""
        model, is_main = self._parallel.model, self._parallel.world.is_main
        state = adapter_state(model) if self._lora else self._parallel.whole_weights()
        if not is_main:
            return
        if self._lora is None or self._start is None:
            save_weights(state, model.shape, folder)
        else:
            self._base = self._base or Base.at(folder, self._start)
            save_adapters(folder, state, self._lora, self._base, model.shape)
        if self._tokenizer is not None:
            chat, ends = self._instances.chat, (self._instances.eos_id, self._instances.pad_id)
            write_tokenizer(folder, self._tokenizer, *ends, chat.jinja() if chat else None)
