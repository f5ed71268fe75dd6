"""Whole weights of any checkpoint: as they are, of a delta, or adapters merged into their base."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.packing import open_checkpoint
from dolma_pipe.train.model.weights import copy_weights, read_weights
from dolma_pipe.train.tuning.adapters import base_of, has_adapters, read_adapters
from dolma_pipe.train.tuning.lora import merged


def resolve(folder: Path) -> tuple[Path, Path | None]:
    """The folder whose weights a checkpoint changes, and the one of its adapters: (base, folder),
    or (folder, None) where there are none. A base may have a base itself.

    Raises TrainError where the base is missing or has other weights than it had.
    """
    return (base_of(folder), folder) if has_adapters(folder) else (folder, None)


def model_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """All tensors by their Hugging Face names, one after another on the CPU, as they are stored;
    adapters are merged in fp32.

    Raises TrainError where something is missing, damaged or of another base.
    """
    base, adapters = resolve(folder)
    if adapters is None:
        with open_checkpoint(folder) as whole:
            yield from read_weights(whole)
        return
    found = read_adapters(adapters)
    left = dict(found.scales)
    for name, values in model_weights(base):
        scale = left.pop(layer := name.removesuffix(".weight"), None)
        if scale is None:
            yield name, values
        else:
            a, b = (found.state[f"{layer}.{part}"] for part in ("lora_A", "lora_B"))
            if (b.shape[0], a.shape[1]) != values.shape:
                raise TrainError(f"{folder}: adapters of {layer} do not fit the weights of {base}")
            yield name, merged(values, a, b, scale)
    if left:
        raise TrainError(f"{folder}: adapters of {min(left)}, which {base} does not have")


def load_model_weights(model: nn.Module, folder: Path) -> None:
    """Fill a model without adapters with the weights of any checkpoint, in its own types and on its
    own device. Raises TrainError as model_weights and copy_weights."""
    copy_weights(model, model_weights(folder), str(folder))
