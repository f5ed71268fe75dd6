"""Learning rate and batch size as functions of how far a training is; arithmetic only."""

import math
from typing import NamedTuple

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import OptimizerSettings, ScheduleSettings


class Progress(NamedTuple):
    """How far a training is: optimizer steps done, targets read."""

    step: int
    tokens: int

    def of(self, unit: str) -> int:
        """In steps or in tokens."""
        return self.step if unit == "steps" else self.tokens


class Schedule:
    """The factor of the learning rate: up over `warmup`, then by shape down to `end`.

    linear is that of OLMo-7B (Groeneveld et al. 2024, A.1), wsd that of Hu et al. 2024 (MiniCPM).
    """

    def __init__(self, settings: ScheduleSettings, end: Progress) -> None:
        """end: where the training ends. Raises TrainError where the parts do not fit into it."""
        self._of = settings
        self.total = settings.total or end.of(settings.unit)
        decay = settings.decay
        self.decay = round(decay * self.total) if decay < 1 else int(decay)
        falls = self.decay if settings.shape == "wsd" else 0
        if settings.warmup + falls > self.total:
            told = f" and a decay of {falls:,}" if falls else ""
            raise TrainError(
                f"schedule: a warm-up of {settings.warmup:,} {settings.unit}{told} does not fit"
                f" into a training of {self.total:,}"
            )

    def factor(self, at: Progress) -> float:
        """For the step that comes after `at`."""
        now, first = at.of(self._of.unit), self._of.warmup
        if now < first:
            return _between(self._of.start, 1.0, now / first)
        if self._of.shape == "constant":
            return 1.0
        if self._of.shape == "wsd":
            first = self.total - self.decay
        done = min(1.0, max(0.0, (now - first) / max(1, self.total - first)))
        if self._of.shape == "cosine":
            done = (1 - math.cos(math.pi * done)) / 2
        return _between(1.0, self._of.end, done)


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share


def clip_norm(settings: OptimizerSettings, step: int) -> float | None:
    """The largest norm of the gradients at this step; None: any."""
    if settings.clip is None or step >= settings.clip_warmup_steps:
        return settings.clip
    return settings.clip * settings.clip_warmup_factor
