"""Next-token loss as a sum, so that micro-batches and processes add up to the same mean."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from dolma_pipe.train.data import IGNORED


class LossSums(NamedTuple):
    """Sums over valid targets, in fp32: cross-entropy in nats, and the squared log of the softmax's
    sum (the z-loss of PaLM, Chowdhery et al. 2022, before its factor)."""

    cross_entropy: torch.Tensor
    z: torch.Tensor


def loss_sums(logits: torch.Tensor, labels: torch.Tensor, *, with_z: bool) -> LossSums:
    """logits[B, S, rows], labels int64[B, S], IGNORED where there is no target."""
    flat, targets = logits.flatten(0, 1).float(), labels.flatten()
    cross_entropy = F.cross_entropy(flat, targets, ignore_index=IGNORED, reduction="sum")
    if not with_z:
        return LossSums(cross_entropy, torch.zeros_like(cross_entropy))
    squares = torch.logsumexp(flat, -1).square()
    return LossSums(cross_entropy, squares.masked_fill(targets == IGNORED, 0).sum())
