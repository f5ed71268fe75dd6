"""The first weights: the same numbers on any device, however the model is sharded."""

import hashlib
import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.transformer import Model

CUT = 3.0
"""Standard deviations beyond which no weight is drawn."""
LAYER = re.compile(r"layers\.(\d+)\.")


@torch.no_grad()
def initialise(model: Model, seed: int) -> None:
    """Draw all weights, each from a generator of its own, seeded by its name, on the CPU.

    One thread draws about 44M weights a second: 160 s for 7B, on each process.
    """
    for name, parameter in model.named_parameters():
        fill(parameter, first_weight(model.shape, name, parameter.shape, seed))


def first_weight(shape: ModelShape, name: str, size: torch.Size, seed: int) -> Tensor:
    """Of the parameter of this name, whole, on the CPU."""
    if len(size) == 1:
        return torch.ones(size, device="cpu")
    return deviation(shape, name) * truncated(size, draw_for(name, seed))


def draw_for(name: str, seed: int) -> torch.Generator:
    """The generator of a parameter: of its name and the seed alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "little"))


def deviation(shape: ModelShape, name: str) -> float:
    """The standard deviation of a matrix: 0.02 in OLMo 2 and 3 (OLMo 2 2024, section 3.2). In
    OLMo 1, 1 / sqrt(width), less on what adds to the residual stream, the deeper the less
    (Groeneveld et al. 2024; `mitchell` in its code)."""
    if shape.family != "olmo":
        return 0.02
    found = LAYER.search(name)
    depth = 2 * (int(found[1]) + 1) if found else 1
    if name.endswith("down_proj.weight"):
        return 1 / math.sqrt(shape.intermediate_size * depth)
    if name.endswith("o_proj.weight"):
        return 1 / math.sqrt(shape.hidden_size * depth)
    return 1 / math.sqrt(shape.hidden_size)


def truncated(size: Sequence[int], draw: torch.Generator) -> Tensor:
    """Normal numbers; those beyond CUT are drawn again."""
    numbers = torch.empty(size, device="cpu").normal_(generator=draw)
    flat = numbers.view(-1)
    beyond = (flat.abs() > CUT).nonzero().view(-1)
    while len(beyond):
        flat[beyond] = torch.empty(len(beyond), device="cpu").normal_(generator=draw)
        beyond = beyond[flat[beyond].abs() > CUT]
    return numbers


@torch.no_grad()
def fill(parameter: Tensor, whole: Tensor) -> None:
    """Copy a tensor, which every process has whole, into a parameter, or into its shards."""
    if hasattr(parameter, "placements"):
        from torch.distributed.tensor import DTensor, distribute_tensor

        assert isinstance(parameter, DTensor)
        whole = whole.to(parameter.device, parameter.dtype)
        whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements)
    parameter.copy_(whole)
