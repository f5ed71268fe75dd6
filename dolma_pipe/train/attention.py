"""Attention: which tokens see which, and the code that computes it."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dolma_pipe.train.shape import Strided


class Rule(NamedTuple):
    """A token sees itself and those before it: at most `window` in all, and by blocks of a
    pattern."""

    window: int | None = None
    pattern: Strided | None = None

    def allows(self, query: Tensor, key: Tensor) -> Tensor:
        """bool, broadcast over the positions query and key."""
        seen = query >= key
        if self.window is not None:
            seen = seen & (query - key < self.window)
        if self.pattern is not None:
            apart = query // self.pattern.block - key // self.pattern.block
            seen = seen & ((apart < self.pattern.local) | (apart % self.pattern.stride == 0))
        return seen


def dense_mask(rule: Rule, segments: Tensor | None, length: int, device: torch.device) -> Tensor:
    """bool[B or 1, 1, S, S], True where the row's token sees the column's.

    segments: int32[B, S], the document of each token. Padding (-1) counts as one more document:
    every token sees itself, so that no softmax is over nothing.
    """
    places = torch.arange(length, device=device)
    seen = rule.allows(places[:, None], places[None, :])[None, None]
    if segments is None:
        return seen
    return seen & (segments[:, None, :, None] == segments[:, None, None, :])


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """q: [B, heads, S, head_size], k and v with key heads; returns what q is. mask None: causal.

    The softmax is float32 inside of every kernel of SDPA and of flex, whatever the inputs are.
    """
    groups = q.shape[1] // k.shape[1]
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=groups > 1)
    if groups > 1:  # with a mask, enable_gqa leaves only the slow kernel
        k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
