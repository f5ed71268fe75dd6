"""Small models, checkpoints and adapters for tests of tuning."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from dolma_pipe.train.config import LoraSettings
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.tuning.adapters import Base, read_adapters, save_adapters
from dolma_pipe.train.tuning.lora import (
    LoraLinear,
    adapted,
    adapter_state,
    add_adapters,
    attach,
    load_adapter_state,
    merged,
)
from dolma_pipe.work import write_json

LORA = LoraSettings(rank=4, alpha=12)
SHAPE = ModelShape(
    family="olmo",
    vocab_size=100,
    hidden_size=32,
    layers=2,
    heads=4,
    kv_heads=2,
    intermediate_size=48,
    context=64,
    rope_theta=10_000.0,
    tied=True,
    norm_eps=1e-5,
    eos_id=1,
)


def small_model(seed: int = 0, shape: ModelShape = SHAPE) -> Model:
    """Random weights, large enough that every layer counts."""
    torch.manual_seed(seed)
    model = Model(shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
    return model


def small_ids(seed: int = 0) -> torch.Tensor:
    """int64[3, 10]"""
    return torch.randint(0, 100, (3, 10), generator=torch.Generator().manual_seed(seed))


def logits(model: torch.nn.Module) -> torch.Tensor:
    """Of small_ids()."""
    with torch.no_grad():
        found: torch.Tensor = model(small_ids())
    return found


def adapted_model(seed: int = 0, settings: LoraSettings = LORA, spread: float = 0.1) -> Model:
    """small_model(seed) with adapters that are as if they had been trained."""
    model = small_model(seed)
    add_adapters(model, settings, seed)
    torch.manual_seed(seed + 1)
    with torch.no_grad():
        for _, layer in adapted(model):
            layer.lora_B.copy_(torch.randn(layer.lora_B.shape) * spread)
    return model


def write_whole(folder: Path, model: Model) -> Path:
    """A Hugging Face directory."""
    folder.mkdir(parents=True)
    state = {name: p.detach().contiguous() for name, p in model.named_parameters()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", model.shape.to_hf())
    return folder


def write_adapted(folder: Path, model: Model, base: Path, settings: LoraSettings = LORA) -> Path:
    """A checkpoint of a LoRA training."""
    folder.mkdir(parents=True)
    save_adapters(folder, adapter_state(model), settings, Base.at(folder, base), model.shape)
    return folder


def load_adapters(model: nn.Module, folder: Path) -> None:
    """Put the adapters of a folder on a model that has none, and the weights of their base; only
    they are trained from here on."""
    found = read_adapters(folder)
    model.requires_grad_(False)
    for layer, scale in found.scales.items():
        attach(model, layer, found.state[f"{layer}.lora_A"].shape[0], scale)
    load_adapter_state(model, found.state)


def merge(model: nn.Module) -> nn.Module:
    """Add the adapters to the weights in fp32, and make plain linear layers again, in place."""
    layers = [(name, x) for name, x in model.named_modules() if isinstance(x, LoraLinear)]
    for name, layer in layers:
        plain = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, "meta")
        values = merged(layer.weight.data, layer.lora_A.data, layer.lora_B.data, layer.scale)
        plain.weight, plain.bias = nn.Parameter(values), layer.bias
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, plain)
    return model
