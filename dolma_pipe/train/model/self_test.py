"""Whether flex_attention works here: compared with masked SDPA before the first step."""

from typing import Literal

import torch
from torch import Tensor

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import one_line
from dolma_pipe.train.model.attention import (
    Mask,
    Rule,
    attend,
    block_mask,
    compile_flex,
    dense_mask,
    rule_of,
)
from dolma_pipe.train.model.shape import ModelShape

LENGTH = 576
"""Four and a half blocks of flex_attention."""
WINDOW = 300
TOLERANCE = 0.03
"""Of the largest number. bfloat16 alone makes 0.01; one key too many or too few makes 0.2."""
GPU = "cuda"
"""What ROCm calls its devices, too."""
Backend = Literal["auto", "sdpa", "flex"]


def decide(
    shape: ModelShape, backend: Backend, device: torch.device, documents: bool, dtype: torch.dtype
) -> tuple[bool, str]:
    """Whether flex_attention shall be used, and a line that says why; see Model.self_test."""
    rules = _rules(shape, documents)
    if not rules:
        return False, "attention: SDPA, causal (nothing masks)"
    kinds = ", ".join(rules)
    if backend == "sdpa" or (backend == "auto" and device.type != GPU):
        why = "" if backend == "sdpa" else f"; flex_attention is for GPUs, this is a {device.type}"
        return False, f"attention: masked SDPA ({kinds}{why})"
    compile_flex()
    worst, why = 0.0, ""
    for kind, rule in rules.items():
        try:
            error = largest_error(shape, rule, documents, device, dtype)
        except Exception as problem:  # whatever a compiler, a driver or a kernel may raise
            why = f"{kind}: {type(problem).__name__}: {one_line(problem):.100}"
            break
        if not error <= TOLERANCE:  # NaN is no good either
            why = f"{kind}: it differs by {error:.2g} of the largest number"
            break
        worst = max(worst, error)
    if not why:
        told = f"largest error against masked SDPA {worst:.2g} of the largest number"
        return True, f"attention: flex_attention ({kinds}; {told})"
    if backend == "flex":
        raise TrainError(f"attention.backend: flex: {why} (auto takes masked SDPA then)")
    return False, f"attention: masked SDPA ({kinds}; flex_attention fails here: {why})"


def largest_error(
    shape: ModelShape, rule: Rule, documents: bool, device: torch.device, dtype: torch.dtype
) -> float:
    """Of flex_attention against masked SDPA in float32: of the output and all gradients the
    largest difference, as a share of the largest number there."""
    draw = torch.Generator().manual_seed(0)
    groups = shape.heads // shape.key_heads
    sizes = [(2, heads, LENGTH, shape.head_size) for heads in (2 * groups, 2, 2, 2 * groups)]
    q, k, v, upstream = (torch.randn(size, generator=draw).to(device, dtype) for size in sizes)
    given = [3 * q, k, v]  # peaked, so that a single key matters
    segments = None
    if documents:
        ends = torch.tensor([[90, 350, 540], [128, 129, 576]])
        places = torch.arange(LENGTH).expand(2, -1).contiguous()
        numbers = torch.searchsorted(ends, places, right=True).to(torch.int32)
        segments = torch.where(numbers == 3, -1, numbers).to(torch.int32).to(device)
    ours = _run(given, upstream, block_mask(rule, segments, LENGTH, device))
    exact = [each.float() for each in (*given, upstream)]
    theirs = _run(exact[:3], exact[3], dense_mask(rule, segments, LENGTH, device))
    pairs = zip(ours, theirs, strict=True)
    errors = [float((a.float() - b).abs().max() / b.abs().max()) for a, b in pairs]
    return max(errors, key=lambda error: (error != error, error))


def _rules(shape: ModelShape, documents: bool) -> dict[str, Rule]:
    """The kinds of masks that a training needs, in the small."""
    small = None
    if shape.pattern is not None:
        block = min(shape.pattern.block, 128)
        small = type(shape.pattern)(block=block, local=1, stride=2)
    rules = {}
    if documents or small is not None:
        names = ["documents"] * documents + ["strided"] * (small is not None)
        rules[" and ".join(names)] = rule_of(None, small)
    if shape.sliding_window is not None:
        rules["sliding window"] = rule_of(min(shape.sliding_window, WINDOW), small)
    return rules


def _run(given: list[Tensor], upstream: Tensor, mask: Mask) -> list[Tensor]:
    """The output of attention and the gradients of queries, keys and values."""
    leaves = [each.detach().requires_grad_() for each in given]
    out = attend(leaves[0], leaves[1], leaves[2], mask)
    return [out.detach(), *torch.autograd.grad(out, leaves, upstream)]
