"""Time of training steps on a GPU, which computes while Python goes on."""

import time

import torch


class Meter:
    """Some steps to warm up, then as many as take about so many seconds, synchronised before and
    after them and not between."""

    def __init__(self, device: torch.device, seconds: float, warm: int) -> None:
        """seconds: at least three steps, unless it is 0: one."""
        self._device, self._wanted, self._warm = device, seconds, warm
        self.steps, self._done = 0, 0
        self.seconds, self._waited = 0.0, 0.0
        self.first = 0.0
        """Seconds until the first step was done: what compiles, and reading weights."""
        self._loss: torch.Tensor | float = 0.0
        self._last = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def step(self, loss: torch.Tensor | float, waited: float = 0.0) -> bool:
        """After each step, whose loss is still on the device. Returns whether it was the last.

        waited: seconds of the step until its batch was there.
        """
        self._done += 1
        if self._done == self._warm + 1:
            self._loss = loss
        if self._done > self._warm:
            self._waited += waited
        if self._done == 1:
            self.first = self._lap()
        elif self._done <= self._warm:
            each = max(self._lap(), 1e-4)
            self.steps = max(3, min(200, round(self._wanted / each))) if self._wanted else 1
        elif self._done == self._warm + self.steps:
            self.seconds = self._lap()
            return True
        return False

    def _lap(self) -> float:
        """Seconds since the last time, when all that was asked for is done."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        last, self._last = self._last, time.perf_counter()
        return self._last - last

    @property
    def loss(self) -> float:
        """Of the first step behind the warm-up."""
        return float(self._loss)

    @property
    def waiting(self) -> float:
        """The share of the time in which the loop waits for its batch."""
        return self._waited / self.seconds

    @property
    def peak(self) -> float:
        """GB of the device at most."""
        on_gpu = self._device.type == "cuda"
        return torch.cuda.max_memory_allocated(self._device) / 1e9 if on_gpu else 0.0
