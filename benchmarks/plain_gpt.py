"""A model and a loop in plain torch, as nanoGPT's are, of the shape of an OLMo 1.

The same arithmetic as ours, so the same weights and batches must give the same loss; written for
itself, so that what our model and loop cost shows.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from benchmarks.meter import Meter
from dolma_pipe.train.data.order import Order
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.weights import load_weights


class PlainGPT(nn.Module):
    """Layer norm without parameters, rotations, SwiGLU, tied embeddings; causal SDPA."""

    def __init__(self, shape: ModelShape, length: int) -> None:
        super().__init__()
        width, hidden = shape.hidden_size, shape.intermediate_size
        self.heads, self.width = shape.heads, (width,)
        square, out, back = (width, width), (width, hidden), (hidden, width)
        names = ("q_proj", "k_proj", "v_proj", "o_proj")
        blocks = [
            nn.ModuleDict(
                {
                    "self_attn": _matrices(**dict.fromkeys(names, square)),
                    "mlp": _matrices(gate_proj=out, up_proj=out, down_proj=back),
                }
            )
            for _ in range(shape.layers)
        ]
        embeddings = nn.Embedding(shape.rows, width)
        self.model = nn.ModuleDict({"embed_tokens": embeddings, "layers": nn.ModuleList(blocks)})
        size = shape.head_size
        angles = shape.rope_theta ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(length)[:, None] * angles
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: Tensor, labels: Tensor) -> Tensor:
        """int64[B, S] each; returns the mean loss."""
        x = self.model["embed_tokens"](ids)
        for layer in self.model["layers"]:
            attention, mlp = layer["self_attn"], layer["mlp"]
            h = F.layer_norm(x, self.width)
            names = ("q_proj", "k_proj", "v_proj")
            q, k, v = (
                attention[name](h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in names
            )
            mixed = F.scaled_dot_product_attention(self.turn(q), self.turn(k), v, is_causal=True)
            x = x + attention["o_proj"](mixed.transpose(1, 2).flatten(2))
            h = F.layer_norm(x, self.width)
            x = x + mlp["down_proj"](F.silu(mlp["gate_proj"](h)) * mlp["up_proj"](h))
        logits = F.linear(F.layer_norm(x, self.width), self.model["embed_tokens"].weight)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())

    def turn(self, x: Tensor) -> Tensor:
        """[B, heads, S, head_size], rotated by its position."""
        left, right = x.chunk(2, dim=-1)
        turned = (left * self.cos - right * self.sin, right * self.cos + left * self.sin)
        return torch.cat(turned, dim=-1).to(x.dtype)


def _matrices(**sizes: tuple[int, int]) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()})


class Windows:
    """get_batch of nanoGPT, but for the order, which is that of our first epoch."""

    def __init__(self, path: Path, dtype: str, length: int, seed: int) -> None:
        """path: raw ids."""
        self._ids: npt.NDArray[Any] = np.memmap(path, dtype, "r")
        self.count, self.length = (len(self._ids) - 1) // length, length
        self._order = Order(self.count, seed, 0)

    def __call__(self, start: int, rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Inputs and labels of so many windows from a position of the order on."""
        places = np.arange(start, start + rows) % self.count
        windows = np.stack([self.window(int(place)) for place in places])
        given = [torch.from_numpy(part.copy()) for part in (windows[:, :-1], windows[:, 1:])]
        if device.type == "cuda":
            given = [part.pin_memory().to(device, non_blocking=True) for part in given]
        return given[0], given[1]

    def window(self, position: int) -> npt.NDArray[np.int64]:
        """length + 1 ids."""
        at = int(self._order.at(np.array([position]))[0]) * self.length
        return self._ids[at : at + self.length + 1].astype(np.int64)


class Job(NamedTuple):
    """What is trained until the meter has enough. weights: a checkpoint to begin with."""

    weights: Path
    windows: Windows
    micro: int
    micros: int
    lr: float
    compiled: bool
    device: torch.device
    meter: Meter


def plain_loop(job: Job, shape: ModelShape) -> None:
    """Train as nanoGPT's train.py does."""
    windows, device = job.windows, job.device
    plain = PlainGPT(shape, windows.length).to(device)
    load_weights(plain, job.weights)
    embeddings, *matrices = plain.parameters()
    groups = [{"params": matrices}, {"params": [embeddings], "weight_decay": 0.0}]
    betas = (0.9, 0.95)
    optimizer = torch.optim.AdamW(groups, lr=job.lr, betas=betas, weight_decay=0.1, fused=True)
    model = torch.compile(plain) if job.compiled else plain
    half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    at = 0
    x, y = windows(at, job.micro, device)
    while True:
        total = torch.zeros((), device=device)
        for _ in range(job.micros):
            with half:
                loss = model(x, y) / job.micros
            total += loss.detach()
            at += job.micro
            x, y = windows(at, job.micro, device)  # while the GPU computes
            loss.backward()
        clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if job.meter.step(total):
            return
