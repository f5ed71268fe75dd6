"""The encoder of a BERT model in plain torch: token ids in, the mean of the last layer out.

Source: Devlin et al. 2019; mean pooling: Reimers and Gurevych 2019. The only module outside of
train/ that imports torch; it is imported when somebody embeds with it, and not before.
"""

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from dolma_pipe.errors import AssetError, UserError
from dolma_pipe.kernels.jit import F32, I64

EPSILON = 1e-12


class Bert:
    """Weights of one model on one device, float32 throughout."""

    def __init__(self, content: bytes, name: str, heads: int, device: str) -> None:
        """content: a .safetensors with the names of transformers' BertModel.

        device: cpu, cuda, or auto (cuda where there is one). Raises AssetError.
        """
        self.device = _device(device)
        try:
            loaded = safetensors.torch.load(content)
            self._weights = {
                key.removeprefix("bert."): value.to(self.device, torch.float32)
                for key, value in loaded.items()
            }
            self._words = self._weights["embeddings.word_embeddings.weight"]
            self._places = self._weights["embeddings.position_embeddings.weight"]
            self._kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        except (safetensors.SafetensorError, KeyError) as error:
            raise AssetError(f"{name} is not a BERT model ({error})") from error
        self._heads = heads
        self._layers = sum(key.endswith("attention.self.query.weight") for key in self._weights)
        self.vocabulary, self.dimensions = self._words.shape
        self.positions = self._places.shape[0]
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # the engine decides how many cores work
        self._try(name)

    def _try(self, name: str) -> None:
        """Embed a token, so that what is missing or does not fit is told in one line."""
        if not self._layers or self._heads < 1 or self.dimensions % self._heads:
            raise AssetError(
                f"{name} is not a BERT model ({self._layers} layers of {self.dimensions} "
                f"dimensions in {self._heads} heads)"
            )
        try:
            self.embed(np.zeros((1, 1), np.int64), np.ones(1, np.int64))
        except KeyError as error:
            raise AssetError(f"{name} is not a BERT model (there is no {error})") from error
        except RuntimeError as error:
            raise AssetError(f"{name} is not a BERT model ({error!s:.100})") from error

    @torch.inference_mode()
    def embed(self, tokens: I64, lengths: I64) -> F32:
        """float32[batch, dimensions]. tokens: int64[batch, longest], lengths: int64[batch]."""
        ids = torch.from_numpy(tokens).to(self.device)
        sizes = torch.from_numpy(lengths).to(self.device)
        inside = torch.arange(ids.shape[1], device=self.device)[None] < sizes[:, None]
        mask = None if bool((lengths == tokens.shape[1]).all()) else inside[:, None, None, :]
        states = self._words[ids] + self._places[: ids.shape[1]] + self._kind
        states = self._norm(states, "embeddings.LayerNorm")
        for layer in range(self._layers):
            states = self._layer(states, f"encoder.layer.{layer}", mask)
        summed = (states * inside[:, :, None]).sum(dim=1)
        pooled: F32 = (summed / sizes[:, None]).cpu().numpy()
        return pooled

    def _layer(self, states: Tensor, name: str, mask: Tensor | None) -> Tensor:
        batch, length, width = states.shape
        shape = (batch, length, self._heads, width // self._heads)
        query, key, value = (
            self._linear(states, f"{name}.attention.self.{part}").view(shape).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = seen.transpose(1, 2).reshape(batch, length, width)
        seen = self._linear(seen, f"{name}.attention.output.dense")
        states = self._norm(states + seen, f"{name}.attention.output.LayerNorm")
        inner = F.gelu(self._linear(states, f"{name}.intermediate.dense"))
        inner = self._linear(inner, f"{name}.output.dense")
        return self._norm(states + inner, f"{name}.output.LayerNorm")

    def _linear(self, states: Tensor, name: str) -> Tensor:
        return F.linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, states: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(states, weight.shape, weight, bias, EPSILON)


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda: torch finds no GPU")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
