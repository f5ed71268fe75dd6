"""Models that compute in milliseconds, and transformers' models of the same sizes."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dolma_pipe.train.model.initial import initialise
from dolma_pipe.train.model.presets import shape_of
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.transformer import Model

SIZES = {
    "vocab_size": 200,
    "hidden_size": 32,
    "layers": 3,
    "heads": 4,
    "intermediate_size": 48,
    "context": 64,
}
YARN = {"factor": 8, "original_context": 64}
SHAPES: dict[str, dict[str, Any]] = {
    "olmo": {"preset": "olmo-7b"},
    "olmo, tied, clipped, grouped": {"preset": "olmo-1b", "clip_qkv": 0.05, "kv_heads": 2},
    "olmo, yarn": {"preset": "olmo-7b", "yarn": YARN},
    "olmo2": {"preset": "olmo2-7b"},
    "olmo2, tied, one key head": {"preset": "olmo2-7b", "tied": True, "kv_heads": 1},
    "olmo3": {"preset": "olmo3-7b", "sliding_window": 10},
    "olmo3, grouped, every second": {
        "preset": "olmo3-7b",
        "sliding_window": 10,
        "kv_heads": 2,
        "layers": 5,
        "full_every": 2,
        "last_full": False,
    },
    "olmo3, yarn": {"preset": "olmo3-7b", "sliding_window": 10, "yarn": YARN},
    "olmo3, no windows": {"preset": "olmo3-7b", "sliding_window": None},
}


def small_shape(kind: str = "olmo", **other: Any) -> ModelShape:
    """One of SHAPES in the small."""
    return shape_of(SIZES | SHAPES[kind] | other)


def small_model(kind: str = "olmo", **other: Any) -> Model:
    """With weights far from those that initialise() draws."""
    model = Model(small_shape(kind, **other))
    initialise(model, 1)
    perturb(model)
    return model


@torch.no_grad()
def perturb(model: nn.Module) -> None:
    """Weights that matter: as large as makes logits of about 1, norms other than 1."""
    draw = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=draw)
        parameter.copy_(1 + 0.3 * noise if parameter.dim() == 1 else 0.2 * noise)


def some_ids(length: int = 40, rows: int = 2) -> Tensor:
    """int64[rows, length] below 200."""
    return torch.randint(0, 200, (rows, length), generator=torch.Generator().manual_seed(3))


def theirs(folder: Path) -> nn.Module:
    """What AutoModelForCausalLM reads from a directory, with SDPA."""
    from transformers import AutoModelForCausalLM

    model: nn.Module = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa")
    return model
