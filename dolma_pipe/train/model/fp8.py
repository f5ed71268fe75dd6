"""Matrix products in fp8, by torchao's tensor-wise scaling, on GPUs that have it."""

import torch
from torch import nn

from dolma_pipe.errors import MissingExtra, TrainError

LEAST_CAPABILITY = (8, 9)
"""Of NVIDIA's GPUs: Ada and Hopper. AMD's MI300 and later report more."""
MULTIPLE = 16
"""What widths of matrices must be divisible by."""


def use_fp8(model: nn.Module, device: torch.device) -> None:
    """Replace the linear layers but the output's. Raises TrainError where the device has no fp8,
    MissingExtra without torchao."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        raise TrainError("precision: fp8 needs a GPU with fp8 (Ada, Hopper, MI300): take bf16")
    try:
        from torchao.float8 import convert_to_float8_training
    except ImportError:
        raise MissingExtra("fp8", "torchao") from None
    convert_to_float8_training(model, module_filter_fn=fits)


def fits(module: nn.Module, name: str) -> bool:
    """Whether a module is one that fp8 takes."""
    if not isinstance(module, nn.Linear) or name.endswith("lm_head"):
        return False
    return module.in_features % MULTIPLE == 0 == module.out_features % MULTIPLE
