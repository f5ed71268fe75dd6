"""Adapters merged into their base, as a Hugging Face directory of its own."""

import shutil
from pathlib import Path

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.publish import published
from dolma_pipe.train.meta import META, refuse_run
from dolma_pipe.train.model.weights import FILE, write_weights
from dolma_pipe.train.tuning.adapters import has_adapters, read_adapters
from dolma_pipe.train.tuning.weights import model_weights, resolve

BESIDE = (
    META,
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
"""What goes with weights: the checkpoint's own, else its base's."""


class Merged(msgspec.Struct):
    """layers: how many had adapters. parameters: of the whole model. base: whose weights it has."""

    layers: int
    parameters: int
    base: Path


def merge_checkpoint(folder: Path, out: Path) -> Merged:
    """Write whole weights, in the types of the base, into the new folder `out`.

    Raises TrainError where the checkpoint has no adapters, its base is missing or has changed, or
    `out` is there already.
    """
    if not folder.is_dir():
        raise TrainError(f"{folder} is not there")
    refuse_run(folder, "checkpoints merge")
    if not has_adapters(folder):
        raise TrainError(f"{folder} has no adapters: there is nothing to merge")
    base, layers = resolve(folder)[0], len(read_adapters(folder).scales)
    with published(out) as made:
        tensors = dict(model_weights(folder))
        write_weights(tensors, made / FILE)
        for place in reversed(_places(folder)):
            for name in BESIDE:
                if (place / name).is_file() and (name != META or place == folder):
                    shutil.copyfile(place / name, made / name)
    parameters = sum(values.numel() for values in tensors.values())
    return Merged(layers, parameters, base)


def _places(folder: Path) -> list[Path]:
    """The checkpoint, its base, the base of that, ..."""
    found = [folder]
    while has_adapters(found[-1]):
        found.append(resolve(found[-1])[0])
    return found
