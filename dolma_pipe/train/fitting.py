"""The model of a training: its shape, and whether it goes with the data and with its start."""

from pathlib import Path

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import TOKENIZER
from dolma_pipe.train.checkpoints.weights import file_sha256
from dolma_pipe.train.config import TrainConfig
from dolma_pipe.train.data import Instances, fit_model
from dolma_pipe.train.meta import META, read_meta, refuse_run
from dolma_pipe.train.model.presets import read_shape, shape_of
from dolma_pipe.train.model.shape import ModelShape

MAY_DIFFER = ("context", "eos_id", "pad_id", "vocab_size", "pad_rows_to")
"""Of a checkpoint and the training that goes on with it; numbers of rows are those of weights."""


def fitting_shape(config: TrainConfig, instances: Instances) -> ModelShape:
    """What train.yaml asks for, with the end of text and padding of the data.

    Raises TrainError where the data have more ids than the model, or longer instances than its
    context, or were made by another tokenizer than those of `start`.
    """
    start = Path(config.start) if config.start else None
    if start is not None:
        refuse_run(start, "start")
    shape = shape_of(config.model, start)
    fit_model(instances, shape.rows)
    if instances.length > shape.context:
        raise TrainError(
            f"data.length: {instances.length:,} targets, the model's context is {shape.context:,}:"
            f" model.context: {instances.length}"
        )
    if start is not None and instances.tokenizer is not None:
        known = _tokenizer_of(start)
        if known is not None and known != instances.tokenizer.sha256:
            raise TrainError(
                f"{instances.name}: made by the tokenizer {instances.tokenizer.name}, and {start}"
                " was trained with another one (sha256)"
            )
    return msgspec.structs.replace(shape, eos_id=instances.eos_id, pad_id=instances.pad_id)


def same_model(checkpoint: Path, shape: ModelShape) -> None:
    """Raises TrainError where a checkpoint is of a model that computes something else: heads and
    angles, too, of which weights tell nothing. The context may grow."""
    same = {name: getattr(shape, name) for name in MAY_DIFFER}
    found, wanted = (
        msgspec.structs.replace(one, **same).to_hf() for one in (read_shape(checkpoint), shape)
    )
    if other := [key for key in wanted if found.get(key) != wanted[key]]:
        raise TrainError(
            f"{checkpoint} is of another model ({', '.join(other)}): give the run another name, or"
            " start from it (start)"
        )


def _tokenizer_of(checkpoint: Path) -> str | None:
    """The sha256 of its tokenizer.json, as far as that can be told."""
    if (checkpoint / META).is_file() and (stamp := read_meta(checkpoint).tokenizer) is not None:
        return stamp.sha256
    path = checkpoint / TOKENIZER
    return file_sha256(path) if path.is_file() else None
