"""Files of adapters: those of PEFT (adapter_config.json, adapter_model.safetensors), and base.json,
which names the weights that they belong to."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from safetensors.torch import save
from torch import Tensor

from dolma_pipe.errors import TrainError, WorkError
from dolma_pipe.train.checkpoints.delta import DELTA, is_delta, read_header
from dolma_pipe.train.checkpoints.packing import open_checkpoint
from dolma_pipe.train.checkpoints.weights import file_sha256, weight_files
from dolma_pipe.train.config import LoraSettings
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.weights import read_file
from dolma_pipe.work import atomic_write, read_json, write_json

CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"
PREFIX = "base_model.model."
"""PEFT's, before the name of a layer in a transformers model."""
KEPT = {True, False, "gaussian", "eva", "orthogonal"}
"""Values of init_lora_weights that leave the base as it is."""
UNKNOWN_HERE = (
    "use_dora",
    "modules_to_save",
    "fan_in_fan_out",
    "lora_bias",
    "alpha_pattern",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "use_qalora",
    "alora_invocation_tokens",
)
"""Settings of PEFT that change what is computed, in ways that LoraLinear does not."""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """path: a folder, as seen from the one that holds base.json, and absolute, where it was.
    files: sha256 of the files of its weights, by name."""

    path: str
    absolute: str
    files: dict[str, str]

    @classmethod
    def at(cls, folder: Path, base: Path) -> "Base":
        """Name a base, as seen from folder; hashes its weights, 1 GB/s."""
        path = os.path.relpath(base.resolve(), folder.resolve())
        return cls(path=path, absolute=str(base.resolve()), files=weight_sums(base))


class PeftConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What adapter_config.json must say for us; PEFT writes more."""

    peft_type: str
    r: int
    lora_alpha: float
    base_model_name_or_path: str | None = None
    use_rslora: bool = False
    bias: str = "none"
    init_lora_weights: bool | str | None = True


class Adapters(NamedTuple):
    """Tensors by name of layer: A [rank, in] and B [out, rank]; scales: what B A counts."""

    state: dict[str, Tensor]
    scales: dict[str, float]


def save_adapters(
    folder: Path,
    state: Mapping[str, Tensor],
    settings: LoraSettings,
    base: Base,
    shape: ModelShape,
) -> None:
    """Write adapters (lora.adapter_state) so that PEFT and model_weights read them,
    and the config.json of the model.

    folder: a checkpoint that is being written, whose name will be another one beside it.
    """
    tensors = {f"{PREFIX}{name}.weight": values for name, values in state.items()}
    with atomic_write(folder / WEIGHTS) as file:
        file.write(save(tensors, {"format": "pt"}))
    whole = settings.alpha == int(settings.alpha)
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.absolute,
        "r": settings.rank,
        "lora_alpha": int(settings.alpha) if whole else settings.alpha,
        "target_modules": list(settings.targets),
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
    write_json(folder / CONFIG, config)
    write_json(folder / BASE, base)
    write_json(folder / "config.json", shape.to_hf())


def read_adapters(folder: Path) -> Adapters:
    """Of a checkpoint of ours, packed or not, or a folder of PEFT.

    Raises TrainError where a file is damaged, or asks for what LoraLinear does not compute.
    """
    config = _config(folder)
    state: dict[str, Tensor] = {}
    with open_checkpoint(folder) as whole:
        for name, values in read_file(whole / WEIGHTS):
            inner = name.removeprefix(PREFIX).removesuffix(".weight")
            if not inner.endswith((".lora_A", ".lora_B")):
                raise TrainError(f"{folder / WEIGHTS}: {name} is no adapter of a linear layer")
            state[inner] = values
    scales = {}
    for layer in sorted({name.rpartition(".")[0] for name in state}):
        pair = state.get(f"{layer}.lora_A"), state.get(f"{layer}.lora_B")
        if pair[0] is None or pair[1] is None or pair[0].shape[0] != pair[1].shape[1]:
            raise TrainError(f"{folder / WEIGHTS}: {layer}: A and B do not belong together")
        rank = pair[0].shape[0]
        scales[layer] = config.lora_alpha / (math.sqrt(rank) if config.use_rslora else rank)
    return Adapters(state, scales)


def has_adapters(folder: Path) -> bool:
    """Whether it holds adapters alone, and no whole weights."""
    return (folder / CONFIG).is_file()


def base_of(folder: Path) -> Path:
    """Where the base of adapters lies: as base.json says, else where PEFT's file does.

    Raises TrainError where it is not there, or its weights are others than those that were named.
    """
    path = folder / BASE
    if not path.is_file():
        place = Path(_config(folder).base_model_name_or_path or "?")
        if not place.is_dir():
            raise TrainError(f"{folder / CONFIG}: the base, {place}, is no folder on this machine")
        return place
    named: Base = _read(path, Base)
    for place in (path.resolve().parent / named.path, Path(named.absolute)):
        if place.is_dir():
            break
    else:
        told = f"{named.path} or {named.absolute}"
        raise TrainError(f"{folder}: its base is not at {told}: mend {BASE}")
    found = Path(os.path.normpath(place))
    if weight_sums(found) != named.files:
        told = f"{found} has other weights than when {folder} was trained from it (sha256)"
        raise TrainError(f"{told}: mend {BASE}")
    return found


def weight_sums(folder: Path) -> dict[str, str]:
    """sha256 of the files of its weights by name, the same whether it is packed or not."""
    if is_delta(folder):
        return {file.name: file.sha256 for file in read_header(folder / DELTA).weights}
    return {path.name: file_sha256(path) for path in weight_files(folder)}


def _config(folder: Path) -> PeftConfig:
    path = folder / CONFIG
    config: PeftConfig = _read(path, PeftConfig)
    given = read_json(path)
    wrong = [name for name in UNKNOWN_HERE if given.get(name)]
    wrong += ["bias"] if config.bias != "none" else []
    wrong += ["init_lora_weights"] if config.init_lora_weights not in KEPT else []
    if config.peft_type != "LORA":
        raise TrainError(f"{path}: adapters of type {config.peft_type}; only LORA can be read")
    if wrong:
        raise TrainError(f"{path}: {wrong[0]} is {given[wrong[0]]}: plain LoRA can be read only")
    return config


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(read_json(path), kind)
    except (WorkError, msgspec.ValidationError) as error:
        raise TrainError(f"{path}: {error}") from None
