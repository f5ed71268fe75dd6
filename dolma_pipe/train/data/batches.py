"""How many instances each step takes: arithmetic on what was consumed, and on nothing else."""

from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import BatchSettings


class Position(NamedTuple):
    """The whole state of the data: instances of this epoch that are consumed."""

    epoch: int = 0
    instances: int = 0


class _Run(NamedTuple):
    """Steps of one size, but for the last of an epoch; begin, end: instances before and after."""

    begin: int
    end: int
    steps: int
    size: int


class Batches:
    """Steps over epochs of n instances. The last step of an epoch takes the rest, and no step takes
    instances of two epochs: so an epoch is each instance once, whatever the batch."""

    def __init__(self, settings: BatchSettings, n: int, length: int) -> None:
        """length: targets of an instance. Raises TrainError for a warm-up that would shrink."""
        self.n, self._length, self._settings = n, length, settings
        growth = settings.warmup
        if growth is not None and growth.start > settings.instances:
            told = f"{growth.start} is above batch.instances, {settings.instances}"
            raise TrainError(f"batch.warmup.start: {told}")

    def size(self, at: Position) -> int:
        """Instances of the step that begins there, over all processes."""
        return min(self._size(at.epoch * self.n + at.instances), self.n - at.instances)

    def after(self, at: Position) -> Position:
        """Where the step that begins there ends."""
        instances = at.instances + self.size(at)
        return Position(at.epoch, instances) if instances < self.n else Position(at.epoch + 1)

    def steps(self, instances: int, since: int = 0) -> int:
        """Steps until so many instances are consumed, epochs added up; `since` are already."""
        steps = 0
        for run in self._runs(since) if since < instances else ():
            if instances <= run.end:
                return steps - (run.begin - instances) // run.size
            steps += run.steps
        return steps

    def instances(self, steps: int, since: int = 0) -> int:
        """Instances that are consumed so many steps after `since` were."""
        for run in self._runs(since):
            if steps <= run.steps:
                return min(run.begin + steps * run.size, run.end)
            steps -= run.steps
        raise AssertionError("runs do not end")

    def _runs(self, begin: int) -> Iterator[_Run]:
        """All steps from there, without end."""
        while True:
            size, epoch_ends = self._size(begin), (begin // self.n + 1) * self.n
            until = min(epoch_ends, self._grows(begin))
            steps = -(-(until - begin) // size)
            end = min(begin + steps * size, epoch_ends)
            yield _Run(begin, end, steps, size)
            begin = end

    def _size(self, consumed: int) -> int:
        growth, most = self._settings.warmup, self._settings.instances
        if growth is None:
            return most
        doubled = consumed * self._length // growth.double_every
        return min(most, growth.start << min(doubled, 62))

    def _grows(self, consumed: int) -> int:
        """Where the size is next looked at: instances consumed."""
        growth = self._settings.warmup
        if growth is None or self._size(consumed) == self._settings.instances:
            return consumed + self.n
        doubled = consumed * self._length // growth.double_every
        return -(-(doubled + 1) * growth.double_every // self._length)
