"""OLMo 1, 2 and 3 as one class, with the parameter names of Hugging Face."""

from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from dolma_pipe.train.config import AttentionSettings
from dolma_pipe.train.model.attention import Mask, attend, block_mask, dense_mask, rule_of
from dolma_pipe.train.model.rope import Rope, Table, rotate
from dolma_pipe.train.model.self_test import decide
from dolma_pipe.train.model.shape import ModelShape

DEFAULT = AttentionSettings()
_recomputed = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
"""Nothing here draws random numbers."""


class Masks(NamedTuple):
    """Of layers with full attention and of those with a sliding window; None: causal."""

    full: Mask
    sliding: Mask


class Norm(nn.Module):
    """OLMo 1: layer norm without parameters. OLMo 2 and 3: RMSNorm with a weight. In float32."""

    def __init__(self, shape: ModelShape, width: int) -> None:
        super().__init__()
        self.width, self.eps = (width,), shape.norm_eps
        self.weight = None if shape.family == "olmo" else nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight is None:
            return F.layer_norm(x.float(), self.width, eps=self.eps).to(x.dtype)
        return F.rms_norm(x.float(), self.width, self.weight.float(), self.eps).to(x.dtype)


class Attention(nn.Module):
    """Causal self-attention with rotated queries and keys, which OLMo 2 and 3 normalise first."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        queries, keys = (heads * shape.head_size for heads in (shape.heads, shape.key_heads))
        self.head_size, self.clip = shape.head_size, shape.clip_qkv
        self.q_proj = nn.Linear(shape.hidden_size, queries, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, keys, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, keys, bias=False)
        self.o_proj = nn.Linear(queries, shape.hidden_size, bias=False)
        self.normed = shape.family != "olmo"
        if self.normed:
            self.q_norm = Norm(shape, queries)
            self.k_norm = Norm(shape, keys)

    def forward(self, x: Tensor, table: Table, mask: Mask) -> Tensor:
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if self.normed:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.clip is not None:
            q, k, v = (each.clamp(-self.clip, self.clip) for each in (q, k, v))
        q, k, v = (each.unflatten(-1, (-1, self.head_size)) for each in (q, k, v))
        q, k = rotate(q, table), rotate(k, table)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        mixed: Tensor = self.o_proj(attend(q, k, v, mask).transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return down


class Layer(nn.Module):
    """OLMo 1: x + f(norm(x)). OLMo 2 and 3: x + norm(f(x)).

    FSDP must not cast its inputs (cast_forward_inputs=False): the table is float32 for a reason.
    """

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.norm_first = shape.family == "olmo"
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        if self.norm_first:
            self.input_layernorm = Norm(shape, shape.hidden_size)
            self.post_attention_layernorm = Norm(shape, shape.hidden_size)
        else:
            self.post_attention_layernorm = Norm(shape, shape.hidden_size)
            self.post_feedforward_layernorm = Norm(shape, shape.hidden_size)

    def forward(self, x: Tensor, table: Table, mask: Mask) -> Tensor:
        if self.norm_first:
            x = x + self.self_attn(self.input_layernorm(x), table, mask)
            x = x + self.mlp(self.post_attention_layernorm(x))
        else:
            x = x + self.post_attention_layernorm(self.self_attn(x, table, mask))
            x = x + self.post_feedforward_layernorm(self.mlp(x))
        return x


class Decoder(nn.Module):
    """From ids to the last hidden states."""

    def __init__(self, shape: ModelShape, recompute: bool) -> None:
        super().__init__()
        self.full_layers, self.recompute = shape.full_layers, recompute
        self.embed_tokens = nn.Embedding(shape.rows, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape, shape.hidden_size)
        self.rope = Rope(shape)

    def forward(self, ids: Tensor, masks: Masks) -> Tensor:
        x: Tensor = self.embed_tokens(ids)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        recompute = self.recompute and torch.is_grad_enabled()
        tables = self.rope(ids.shape[1])
        for layer, full in zip(self.layers, self.full_layers, strict=True):
            given = (x, tables[0], masks.full) if full else (x, tables[1], masks.sliding)
            x = _recomputed(layer, *given) if recompute else layer(*given)
        hidden: Tensor = self.norm(x)
        return hidden


class Model(nn.Module):
    """A language model.

    shape: also says, as self.shape with the pattern of `attention`, what a checkpoint records.
    recompute: a layer's activations are computed again in the backward pass instead of kept.
    """

    def __init__(
        self,
        shape: ModelShape,
        attention: AttentionSettings = DEFAULT,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.attention = shape.with_pattern(attention), attention
        self.flex = False
        self.model = Decoder(self.shape, recompute)
        if not shape.tied:
            self.lm_head = nn.Linear(shape.hidden_size, shape.rows, bias=False)

    def forward(self, ids: Tensor, masks: Masks | None = None) -> Tensor:
        """ids: int64[B, S]; returns logits [B, S, rows]. masks None: not masked by document."""
        if masks is None:
            masks = self.masks(ids.shape[1])
        head = self.model.embed_tokens if self.shape.tied else self.lm_head
        return F.linear(self.model(ids, masks), head.weight)

    def masks(self, length: int, segments: Tensor | None = None) -> Masks:
        """What the layers mask in one micro-batch, to be built once, outside of what is compiled.

        length: S. segments: int32[B, S], the document of each token, -1 where there is padding,
        on the model's device. None: not masked by document.
        """
        shape = self.shape
        device = self.model.embed_tokens.weight.device
        build = block_mask if self.flex else dense_mask
        full: Mask = None
        if segments is not None or shape.pattern is not None:
            full = build(rule_of(None, shape.pattern), segments, length, device)
        sliding = full
        if shape.sliding_window is not None and shape.sliding_window < length:
            sliding = build(rule_of(shape.sliding_window, shape.pattern), segments, length, device)
        return Masks(full, sliding)

    def self_test(
        self, device: torch.device, documents: bool, dtype: torch.dtype = torch.bfloat16
    ) -> str:
        """Decide between flex_attention and masked SDPA by comparing them on this device.

        documents: whether there will be segments. dtype: of queries, keys and values. Returns a
        line that says what was decided and why. Raises TrainError where the settings ask for flex
        and it does not work.
        """
        self.flex, told = decide(self.shape, self.attention.backend, device, documents, dtype)
        return told

    def layers(self) -> list[nn.Module]:
        """The layers, in order: what FSDP shards one by one."""
        return list(self.model.layers)


def decays(name: str) -> bool:
    """Whether weight decay applies to the parameter of this name, as in OLMo: to matrices, the
    output's among them, neither to norms nor to embeddings, tied ones included."""
    return "norm" not in name and not name.endswith("embed_tokens.weight")
