"""Weights of a Hugging Face directory: safetensors, in one file or in shards, and config.json."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import nearest, one_line
from dolma_pipe.train.checkpoints.weights import ALONE, weight_files
from dolma_pipe.train.model.initial import fill
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.work import atomic_write, write_json

FILE = ALONE[0]
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


def save_weights(state: Mapping[str, Tensor], shape: ModelShape, folder: Path) -> None:
    """Write model.safetensors and config.json, each whole or not at all.

    state: whole tensors of one type by parameter name, on any device; only one at a time is held
    on the CPU. shape: Model.shape, with the pattern of its attention. Raises WorkError.
    """
    write_weights(state, folder / FILE)
    dtype = str(next(iter(state.values())).dtype).removeprefix("torch.")
    write_json(folder / "config.json", shape.to_hf() | {"dtype": dtype, "torch_dtype": dtype})


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file. state: as for save_weights, of several types, too."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in state.items():
        start, end = end, end + tensor.nbytes
        kind = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape)}
        header[name] = kind | {"data_offsets": [start, end]}
    told = msgspec.json.encode(header)
    told += b" " * (-len(told) % 8)
    with atomic_write(path) as file:  # safetensors' own writer neither syncs nor asks umask
        file.write(len(told).to_bytes(8, "little") + told)
        for tensor in state.values():
            plain = tensor.detach().cpu().contiguous().view(-1)
            file.write(plain.view(torch.uint8).numpy().data)


def copy_weights(model: nn.Module, tensors: Iterable[tuple[str, Tensor]], told: str) -> None:
    """Fill a model, sharded or not, with whole tensors by parameter name, in its own precision.

    told: where they come from. Raises TrainError where a tensor is missing, unknown or of another
    shape; an output matrix is left out where the model has tied it, as are tables of rotations,
    which older versions of transformers wrote.
    """
    wanted = dict(model.named_parameters())
    missing = set(wanted)
    tied = "lm_head.weight" not in wanted
    for name, tensor in tensors:
        if name.endswith("rotary_emb.inv_freq") or (tied and name == "lm_head.weight"):
            continue
        if name not in wanted:
            raise TrainError(f"{told}: '{name}' is no weight{nearest(name, list(missing))}")
        if wanted[name].shape != tensor.shape:
            sizes = f"{list(tensor.shape)}, and the model wants {list(wanted[name].shape)}"
            raise TrainError(f"{told}: {name} is {sizes}")
        fill(wanted[name], tensor)
        missing.discard(name)
    if missing:
        more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
        raise TrainError(f"{told}: {min(missing)}{more} not in its weights")


def read_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Each tensor with its name, one after the other, on the CPU. Raises TrainError."""
    for path in weight_files(folder):
        yield from read_file(path)


def read_file(path: Path) -> Iterator[tuple[str, Tensor]]:
    """The same of one safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            for name in list(file.keys()):
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise TrainError(f"{path}: not readable as safetensors: {one_line(error)}") from None


def load_weights(model: nn.Module, folder: Path) -> None:
    """copy_weights out of a Hugging Face directory."""
    copy_weights(model, read_weights(folder), str(folder))
