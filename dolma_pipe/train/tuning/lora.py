"""Low-rank adapters: W x + alpha / rank B A x with W frozen (LoRA, Hu et al. 2022)."""

import math
from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import nearest
from dolma_pipe.train.config import LoraSettings
from dolma_pipe.train.model.initial import draw_for, fill


class LoraLinear(nn.Linear):
    """A linear layer with adapters, lora_A [rank, in] and lora_B [out, rank].

    Its weight keeps its name and is frozen. The adapters are fp32, and computed in the type of x.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        has_bias = base.bias is not None
        super().__init__(base.in_features, base.out_features, has_bias, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.requires_grad_(False)
        place = base.weight.device
        self.scale = scale
        self.lora_A = nn.Parameter(torch.zeros(rank, base.in_features, device=place))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=place))

    def forward(self, x: Tensor) -> Tensor:
        low = F.linear(x, self.lora_A.to(x.dtype))
        return super().forward(x) + self.scale * F.linear(low, self.lora_B.to(x.dtype))


def add_adapters(model: nn.Module, settings: LoraSettings, seed: int) -> None:
    """Adapters, which compute nothing yet, on all layers that settings names; only they are
    trained from here on.

    Call it before DDP, fully_shard and torch.compile. Adapters of a model on the meta device get
    their first values later, from first_adapters. Raises TrainError where the model has none of a
    target.
    """
    layers = [name for name, layer in model.named_modules() if type(layer) is nn.Linear]
    kinds = {name.rpartition(".")[2] for name in layers}
    if missing := [name for name in settings.targets if name not in kinds]:
        raise TrainError(f"lora.targets: the model has no {missing[0]}")
    model.requires_grad_(False)
    for name in layers:
        if name.rpartition(".")[2] in settings.targets:
            attach(model, name, settings.rank, settings.alpha / settings.rank)
    load_adapter_state(model, dict(first_adapters(model, seed)))


def attach(model: nn.Module, name: str, rank: int, scale: float) -> LoraLinear:
    """Adapters of zeros on one layer. Raises TrainError where there is no such linear layer."""
    parent, _, last = name.rpartition(".")
    known = [name for name, layer in model.named_modules() if type(layer) is nn.Linear]
    if name not in known:
        raise TrainError(f"the model has no linear layer {name}{nearest(name, known)}")
    home = model.get_submodule(parent)
    adapted = LoraLinear(getattr(home, last), rank, scale)
    setattr(home, last, adapted)
    return adapted


def first_adapters(model: nn.Module, seed: int) -> Iterator[tuple[str, Tensor]]:
    """A uniform in +-1/sqrt(in), as PEFT's Kaiming with a = sqrt(5); B zero; by name, fp32, CPU.

    The numbers are a function of seed and name alone, whatever the device or the world.
    """
    for name, layer in adapted(model):
        bound = 1 / math.sqrt(layer.in_features)
        generator = draw_for(name, seed)
        values = torch.empty(layer.lora_A.shape, device="cpu")
        yield f"{name}.lora_A", values.uniform_(-bound, bound, generator=generator)
        yield f"{name}.lora_B", torch.zeros(layer.lora_B.shape, device="cpu")


def adapted(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """The layers with adapters, by name."""
    for name, layer in model.named_modules():
        if isinstance(layer, LoraLinear):
            yield clean(name), layer


def clean(name: str) -> str:
    """The name without what DDP and torch.compile put in it."""
    parts = name.split(".")
    return ".".join(part for part in parts if part not in ("module", "_orig_mod"))


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Whole adapters on the CPU, name.lora_A [rank, in] and name.lora_B [out, rank].

    Where FSDP shards them, every process must call it.
    """
    return {
        f"{name}.{part}": whole(getattr(layer, part))
        for name, layer in adapted(model)
        for part in ("lora_A", "lora_B")
    }


def load_adapter_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Into a model with the same adapters, sharded or not. Raises TrainError on others."""
    layers = dict(adapted(model))
    names = {f"{name}.{part}" for name in layers for part in ("lora_A", "lora_B")}
    if wrong := names ^ state.keys():
        name = min(wrong)
        told = "are missing" if name in names else f"are of no layer{nearest(name, names)}"
        raise TrainError(f"adapters {name} {told}")
    for name, values in state.items():
        layer, _, part = name.rpartition(".")
        parameter: Tensor = getattr(layers[layer], part)
        if values.shape != parameter.shape:
            shapes = f"{list(values.shape)}, not {list(parameter.shape)}"
            raise TrainError(f"adapters {name} are {shapes}: another rank or another model")
        fill(parameter, values)


def merged(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """weight + scale B A, added in fp32 and rounded once, in the type of weight."""
    product = scale * (b.double() @ a.double())  # double: never TF32
    return (weight.float() + product.float()).to(weight.dtype)


def trained_told(model: nn.Module) -> str:
    """4.2M of 1,177M parameters are trained."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    trained = sum(count for count, is_trained in counts if is_trained)
    total = sum(count for count, _ in counts)
    if total < 1_000_000:
        return f"{trained:,} of {total:,} parameters are trained"
    return f"{trained / 1e6:,.1f}M of {total / 1e6:,.0f}M parameters are trained"


def whole(parameter: Tensor) -> Tensor:
    """Its values on the CPU, gathered where FSDP shards it."""
    values = parameter.detach()
    full_tensor = getattr(values, "full_tensor", None)
    return (full_tensor() if full_tensor else values).to("cpu", copy=True).contiguous()
