"""Micro-batches of this process, step by step, read ahead by one thread."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from dolma_pipe.train.config import BatchSettings
from dolma_pipe.train.data import IGNORED, Batch, Instances
from dolma_pipe.train.data.batches import Batches, Position
from dolma_pipe.train.data.order import Numbers, Order
from dolma_pipe.train.parallel import World

MICRO = 8
"""Instances of a micro-batch at most, where the settings do not say it."""
START = Position()
AHEAD = 3
"""Steps that are read before they are asked for."""


class Micro(NamedTuple):
    """ids, labels: int64[rows, length]; segments: int32 of the same shape, or None. See Batch."""

    ids: torch.Tensor
    labels: torch.Tensor
    segments: torch.Tensor | None


class Step(NamedTuple):
    """What this process computes in a step.

    micro: all of one shape, and as many as every other process has; what is missing is rows of
    IGNORED. instances: of the step, over all processes. targets: in the labels of this process.
    numbers: its instances, for Instances.told. after: the state once the step is done.
    """

    micro: list[Micro]
    instances: int
    targets: int
    numbers: Numbers
    after: Position


class Feed:
    """Steps from `progress` on, epoch after epoch without end; close it, or use it in a `with`.

    Step k takes the next positions of the order of its epoch; process r of w takes every w-th of
    them from the r-th on. So neither the number of processes nor the micro-batch nor the size of
    other steps changes which instance comes when.
    """

    def __init__(
        self,
        instances: Instances,
        batch: BatchSettings,
        seed: int,
        world: World,
        progress: Position = START,
    ) -> None:
        """seed: of the order of instances, data.seed."""
        self.batches = Batches(batch, len(instances), instances.length)
        self._instances, self._seed, self._world = instances, seed, world
        self._micro = batch.micro or MICRO
        self._next = progress
        self._orders: dict[int, Order] = {}
        self._pending: deque[Future[Step]] = deque()
        on_gpu = world.device.type == "cuda"
        ready = (torch.cuda.set_device, (world.device,)) if on_gpu else (None, ())
        self._thread = ThreadPoolExecutor(1, "feed", *ready)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Step:
        """The next step, on the device. Raises what the reading thread raised."""
        while len(self._pending) <= AHEAD:
            self._pending.append(self._thread.submit(self._read, self._next))
            self._next = self.batches.after(self._next)
        step = self._pending.popleft().result()
        return step._replace(micro=[self._moved(micro) for micro in step.micro])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the thread, after the step that it is reading."""
        self._thread.shutdown(cancel_futures=True)

    def _read(self, at: Position) -> Step:
        """In the thread."""
        rank, size, _ = self._world
        count = self.batches.size(at)
        if at.epoch not in self._orders:
            self._orders = {at.epoch: Order(len(self._instances), self._seed, at.epoch)}
        positions = np.arange(at.instances + rank, at.instances + count, size)
        numbers = self._orders[at.epoch].at(positions)
        share = -(-count // size)
        micros = -(-share // self._micro)
        rows = -(-share // micros)
        batches = [self._filled(numbers[i * rows :][:rows], rows) for i in range(micros)]
        targets = sum(int(np.count_nonzero(batch.labels != IGNORED)) for batch in batches)
        micro = [self._tensors(batch) for batch in batches]
        return Step(micro, count, targets, numbers, self.batches.after(at))

    def _filled(self, numbers: Numbers, rows: int) -> Batch:
        batch = self._instances.batch(numbers)
        if len(numbers) == rows:
            return batch
        missing = self._instances.missing(rows - len(numbers))
        segments = None
        if batch.segments is not None and missing.segments is not None:
            segments = np.concatenate([batch.segments, missing.segments])
        ids = np.concatenate([batch.ids, missing.ids])
        return Batch(ids, np.concatenate([batch.labels, missing.labels]), segments)

    def _tensors(self, batch: Batch) -> Micro:
        segments = batch.segments
        return Micro(
            self._pinned(batch.ids),
            self._pinned(batch.labels),
            None if segments is None else self._pinned(segments),
        )

    def _pinned(self, array: npt.NDArray[Any]) -> torch.Tensor:
        """In memory that a GPU copies from while it computes."""
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._world.device.type == "cuda" else tensor

    def _moved(self, micro: Micro) -> Micro:
        device, segments = self._world.device, micro.segments
        return Micro(
            micro.ids.to(device, non_blocking=True),
            micro.labels.to(device, non_blocking=True),
            None if segments is None else segments.to(device, non_blocking=True),
        )
