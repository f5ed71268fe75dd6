"""AdamW, Muon beside it where asked for, and steps left out when loss or gradients jump."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from math import sqrt
from typing import Any

import torch
from torch import nn

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import OptimizerSettings

Named = Iterable[tuple[str, nn.Parameter]]

OUTPUT = "lm_head.weight"
"""A matrix that is AdamW's, as embeddings are: Muon is for hidden layers (Jordan 2024)."""


class Optimizers:
    """One or two torch optimizers that step together."""

    def __init__(self, named: Named, decays: Callable[[str], bool], of: OptimizerSettings) -> None:
        """decays: by name of a parameter, whether it is one of the matrices that decay.

        Raises TrainError where torch has no Muon.
        """
        trained = [(name, p) for name, p in named if p.requires_grad]
        matrices = [(name, p) for name, p in trained if decays(name)]
        hidden = [one for one in matrices if not one[0].endswith(OUTPUT)]
        others = [(name, p) for name, p in trained if not decays(name)]
        self.each: list[torch.optim.Optimizer] = []
        if of.name == "muon" and hidden:
            self.each.append(_muon(hidden, of))
            matrices = [one for one in matrices if one[0].endswith(OUTPUT)]
        groups = [(matrices, of.weight_decay), (others, 0.0)]
        if any(group for group, _ in groups):
            self.each.append(_adamw([g for g in groups if g[0]], of))
        self._asked = [
            {key: value for key, value in group.items() if key != "params"}
            for group in self._groups()
        ]

    def set_factor(self, factor: float) -> None:
        """The learning rates, as a share of the highest."""
        for group, asked in zip(self._groups(), self._asked, strict=True):
            group["lr"] = asked["lr"] * factor

    def as_asked(self) -> None:
        """Betas, decay and the like as the settings say; a checkpoint brings its own."""
        for group, asked in zip(self._groups(), self._asked, strict=True):
            group.update(asked)

    def _groups(self) -> Iterator[dict[str, Any]]:
        return (group for one in self.each for group in one.param_groups)

    @property
    def lr(self) -> float:
        """Of the last group, which is AdamW's where there are both."""
        return float(self.each[-1].param_groups[-1]["lr"])

    def step(self) -> None:
        """Update all parameters by their gradients."""
        for one in self.each:
            one.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for one in self.each:
            one.zero_grad(set_to_none=True)


def _adamw(groups: list[tuple[list[Any], float]], of: OptimizerSettings) -> torch.optim.Optimizer:
    given = [{"params": [p for _, p in g], "weight_decay": decay} for g, decay in groups]
    return torch.optim.AdamW(given, lr=of.lr, betas=of.betas, eps=of.eps, fused=True)


def _muon(matrices: list[tuple[str, nn.Parameter]], of: OptimizerSettings) -> torch.optim.Optimizer:
    if not hasattr(torch.optim, "Muon"):
        raise TrainError(f"optimizer.name: torch {torch.__version__} has no Muon: take adamw")
    return torch.optim.Muon(
        [p for _, p in matrices],
        lr=of.muon_lr or of.lr,
        momentum=of.momentum,
        weight_decay=of.weight_decay,
        adjust_lr_fn="match_rms_adamw",  # Liu et al. 2025: learning rates of AdamW fit
    )


class Skipper:
    """Whether a step is an outlier: above mean + sigma deviations of the last `window` steps.

    As in OLMo 3 (OLMo-core's SkipStepAdamW): 6 sigma over 128 steps, half of which must be there.
    Outliers enter the window, too: a new level is accepted in the end.
    """

    def __init__(self, sigma: float | None, window: int) -> None:
        self._sigma = sigma
        self._needed = max(2, window // 2)
        self._last: deque[tuple[float, float]] = deque(maxlen=window)

    def is_outlier(self, loss: float, norm: float) -> bool:
        """Compare with the window, then remember."""
        if self._sigma is None:
            return False
        found = len(self._last) >= self._needed and any(
            value > _bound(column, self._sigma)
            for value, column in zip((loss, norm), zip(*self._last, strict=True), strict=True)
        )
        self._last.append((loss, norm))
        return found

    def state(self) -> list[tuple[float, float]]:
        """The window, for a checkpoint."""
        return list(self._last)

    def load(self, state: Iterable[tuple[float, float]]) -> None:
        """Go on with a window."""
        self._last.extend(state)


def _bound(column: tuple[float, ...], sigma: float) -> float:
    mean = sum(column) / len(column)
    return mean + sigma * sqrt(sum((value - mean) ** 2 for value in column) / len(column))
