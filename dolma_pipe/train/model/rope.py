"""Rotary position embeddings (Su et al. 2021) and YaRN (Peng et al. 2023)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dolma_pipe.train.model.shape import ModelShape, Yarn


class Table(NamedTuple):
    """float32[S, 1, head_size / 2] each."""

    cos: Tensor
    sin: Tensor


def rotate(x: Tensor, table: Table) -> Tensor:
    """x: [B, S, heads, head_size], rotated in float32 by the angles of its position."""
    left, right = x.chunk(2, dim=-1)
    cos, sin = table
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1).to(x.dtype)


class Rope(nn.Module):
    """The angles of a model's layers. Its numbers are neither parameters nor buffers: they are
    computed anew wherever the model goes, so that neither to_empty() loses them nor a half
    precision rounds them, and DDP has nothing to send."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.scale = shape.yarn.scale if shape.yarn else 1.0
        self._place(torch.device("cpu"))

    def _place(self, device: torch.device) -> None:
        self.sliding = frequencies(self.shape, None).to(device)
        self.full = frequencies(self.shape, self.shape.yarn).to(device)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Rope":
        """What .to(), .cuda() and .to_empty() call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._place(fn(self.full).device)
        return self

    def forward(self, length: int) -> tuple[Table, Table]:
        """Tables of layers with full attention, and of those with a sliding window."""
        positions = torch.arange(length, device=self.full.device, dtype=torch.float32)[:, None]
        full = _table(positions * self.full, self.scale)
        return full, full if self.shape.yarn is None else _table(positions * self.sliding, 1.0)


def frequencies(shape: ModelShape, yarn: Yarn | None) -> Tensor:
    """float32[head_size / 2]: radians from one position to the next, the same on any device."""
    size, theta = shape.head_size, shape.rope_theta
    exponents = torch.arange(0, size, 2, dtype=torch.float32, device="cpu") / size
    plain = 1.0 / theta**exponents
    if yarn is None:
        return plain

    def dimension(turns: float) -> float:
        """Which one turns so often within the original context."""
        context = yarn.original_context
        return size * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = max(math.floor(dimension(yarn.beta_fast)), 0)
    high = min(math.ceil(dimension(yarn.beta_slow)), size - 1)
    places = torch.arange(size // 2, dtype=torch.float32, device="cpu")
    ramp = ((places - low) / (high - low or 0.001)).clamp(0, 1)
    kept = 1 - ramp
    return 1.0 / (yarn.factor * theta**exponents) * (1 - kept) + plain * kept


def _table(angles: Tensor, scale: float) -> Table:
    """Of angles [S, head_size / 2]."""
    return Table((angles.cos() * scale).unsqueeze(1), (angles.sin() * scale).unsqueeze(1))
