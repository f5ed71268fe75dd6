"""Attention: which tokens see which, as a dense mask or in blocks, and what computes it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from dolma_pipe.train.model.shape import Strided

BLOCK = 128
"""Tokens of flex_attention's blocks."""
SIZES = 64
"""Of batches that flex_attention is compiled for. An evaluation has some tens; torch stops at 8,
and runs what comes then uncompiled."""
AFTER_ALL = 2**30
"""What padding counts as among ascending documents."""
Mask = Tensor | BlockMask | None
flex: Callable[..., Tensor] = flex_attention
"""Compiled by compile_flex()."""


class Rule(NamedTuple):
    """A token sees itself and those before it: `window` in all, and by blocks of a pattern."""

    window: int | None = None
    pattern: tuple[int, int, int] | None = None
    """block, local and stride of shape.Strided."""


def rule_of(window: int | None, pattern: Strided | None) -> Rule:
    """In plain numbers, which torch.compile can look into."""
    plain = None if pattern is None else (pattern.block, pattern.local, pattern.stride)
    return Rule(window, plain)


def allows(rule: Rule, query: Tensor, key: Tensor) -> Tensor:
    """bool, broadcast over the positions query and key: whether query sees key."""
    seen = query >= key
    if rule.window is not None:
        seen = seen & (query - key < rule.window)
    if rule.pattern is not None:
        block = rule.pattern[0]
        seen = seen & _in_pattern(rule.pattern, query // block - key // block)
    return seen


def _in_pattern(pattern: tuple[int, int, int], apart: Tensor) -> Tensor:
    return (apart < pattern[1]) | (apart % pattern[2] == 0)


def dense_mask(rule: Rule, segments: Tensor | None, length: int, device: torch.device) -> Tensor:
    """bool[B or 1, 1, S, S], True where the row's token sees the column's.

    segments: int32[B, S], the document of each token. Padding (-1) counts as one more document:
    every token sees itself, so that no softmax is over nothing.
    """
    places = torch.arange(length, device=device)
    seen = allows(rule, places[:, None], places[None, :])[None, None]
    if segments is None:
        return seen
    return seen & (segments[:, None, :, None] == segments[:, None, None, :])


def block_mask(rule: Rule, segments: Tensor | None, length: int, device: torch.device) -> BlockMask:
    """The same for flex_attention, from the smallest and largest document of each block, without
    ever holding S x S booleans; it skips most where segments ascend."""

    some, whole = (each[None, None] for each in _blocks(rule, -(-length // BLOCK), device))
    if segments is not None:
        overlaps, equals = _blocks_of(segments)
        some, whole = some & overlaps, whole & equals
    partial = some & ~whole
    return BlockMask.from_kv_blocks(
        *_listed(partial),
        *_listed(whole),
        BLOCK_SIZE=BLOCK,
        mask_mod=_seen(rule, segments),
        seq_lengths=(length, length),
    )


def _seen(
    rule: Rule, segments: Tensor | None
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """allows() as flex_attention calls it: batch, head, query, key."""
    if segments is None:
        return lambda _b, _h, query, key: allows(rule, query, key)
    of = segments
    return lambda b, _h, query, key: allows(rule, query, key) & (of[b, query] == of[b, key])


def _blocks(rule: Rule, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """bool[count, count] each: whether a block of queries may see some of a block of keys, and
    whether each of its tokens sees all of them."""
    places = torch.arange(count, device=device)
    apart = places[:, None] - places
    some, whole = apart >= 0, apart > 0
    if rule.window is not None:
        some = some & (apart * BLOCK - (BLOCK - 1) < rule.window)
        whole = whole & (apart * BLOCK + (BLOCK - 1) < rule.window)
    if rule.pattern is not None:
        unit = math.gcd(rule.pattern[0], BLOCK)
        places = torch.arange(0, count * BLOCK, unit, device=device) // rule.pattern[0]
        kept = _in_pattern(rule.pattern, places[:, None] - places)
        kept = kept.view(count, BLOCK // unit, count, BLOCK // unit)
        some = some & kept.any(3).any(1)
        whole = whole & kept.all(3).all(1)
    return some, whole


def _blocks_of(segments: Tensor) -> tuple[Tensor, Tensor]:
    """bool[B, 1, n, n] each: whether two blocks may share a document, and whether both lie in
    the same one, by the smallest and the largest number in each block."""
    padding = -segments.shape[1] % BLOCK
    ascending = torch.where(segments < 0, AFTER_ALL, segments)
    ascending = F.pad(ascending, (0, padding), value=AFTER_ALL)
    low, high = ascending.view(len(segments), 1, -1, BLOCK).aminmax(dim=-1)
    overlaps = (low[..., None, :] <= high[..., None]) & (low[..., None] <= high[..., None, :])
    equals = (low[..., None] == high[..., None, :]) & (high[..., None] == low[..., None, :])
    return overlaps, equals


def _listed(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """How many are True in each row of bool[..., n], and their numbers before all others."""
    order = blocks.to(torch.int8).argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1, dtype=torch.int32), order.to(torch.int32)


def compile_flex() -> None:
    """Before flex_attention is used: uncompiled it holds all scores."""
    global flex
    if flex is flex_attention:
        from torch._dynamo import config

        limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
        setattr(config, limit, max(SIZES, getattr(config, limit)))
        flex = torch.compile(flex_attention, dynamic=False)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask) -> Tensor:
    """q: [B, heads, S, head_size], k and v with key heads; returns what q is. mask None: causal.

    The softmax is float32 inside of SDPA and flex, whatever the inputs are.
    """
    grouped = q.shape[1] != k.shape[1]
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
    if not isinstance(mask, Tensor):
        return flex(q, k, v, block_mask=mask, enable_gqa=grouped)
    if grouped:  # with a mask, enable_gqa leaves only the slowest kernel
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
