"""Our training loop as it is, with a clock between its steps; what a training node has suffices."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from dolma_pipe.train.config import TrainConfig
from dolma_pipe.train.feed import Feed, Step
from dolma_pipe.train.loop import train
from dolma_pipe.train.metrics.file import LOSS
from dolma_pipe.train.parallel import joined
from dolma_pipe.train.setup import Training


class Took(NamedTuple):
    """A step of the loop: from one line of metrics.jsonl to the next.

    seconds, cpu: wall-clock and of this thread. waited: seconds until the batch was there.
    """

    seconds: float
    cpu: float
    waited: float
    loss: float


class _Enough(Exception):
    """Ends the loop before it saves."""


@contextmanager
def begun(config: TrainConfig) -> Iterator[Training]:
    """A training with its first weights."""
    with joined(config.device) as world:
        training = Training(config, world)
        training.begin()
        try:
            yield training
        finally:
            training.metrics.close()


def run_loop(training: Training, between: Callable[[Took], bool]) -> None:
    """Train until `between`, called after each step, says that it is enough; its own time counts
    for no step. Nothing is saved or evaluated, unless the training ends by itself."""
    told, feed, clock = training.metrics.step, training.feed, _Clock()

    def step(values: Mapping[str, float]) -> None:
        told(values)
        with training.metrics.pause():
            if between(clock.stopped(float(values[LOSS]))):
                raise _Enough
            clock.start()

    training.metrics.step = step  # type: ignore[method-assign]
    training.feed = lambda: _TimedFeed(feed(), clock)  # type: ignore[method-assign, assign, return-value]
    try:
        train(training)
    except _Enough:
        pass
    finally:
        del training.metrics.step, training.feed


class _Clock:
    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.waited, self._cpu = 0.0, time.thread_time()
        self._wall = time.perf_counter()

    def stopped(self, loss: float) -> Took:
        seconds = time.perf_counter() - self._wall
        return Took(seconds, time.thread_time() - self._cpu, self.waited, loss)


class _TimedFeed:
    def __init__(self, feed: Feed, clock: _Clock) -> None:
        self._feed, self._clock = feed, clock

    def __enter__(self) -> Self:
        self._feed.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feed.__exit__(kind, error, trace)

    def __next__(self) -> Step:
        started = time.perf_counter()
        step = next(self._feed)
        self._clock.waited += time.perf_counter() - started
        return step
