"""The local engine: processes on this machine. A worker killed with -9 does not end the run."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from queue import Empty, SimpleQueue

from dolma_pipe.engine.base import Engine, Failure, Outcome, Task
from dolma_pipe.engine.stopping import Terminated, asked, draining, out_of_time
from dolma_pipe.engine.workers import Workers

SECONDS_BETWEEN_LOOKS = 0.5
"""Whether SIGTERM has come, while no task ends."""


class LocalEngine(Engine):
    """A pool of processes that is built again whenever a worker dies.

    The pool cannot tell which of the tasks in flight killed the worker, so each of them runs alone
    once: the one that kills its worker again is the poison, is tried `retries` times, and fails;
    all others finish. No task gets a twin for being slow: on the same machine it would wait for the
    same disk and the same cores.
    """

    def __init__(self, workers: int) -> None:
        self._count = workers
        self._workers: Workers | None = None

    def slots(self) -> int:
        return self._count

    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,  # noqa: ARG002  every task here needs one process
        memory: int | None = None,  # noqa: ARG002
        gpus: int = 0,  # noqa: ARG002
        retries: int = 3,
    ) -> Iterator[Outcome]:
        """As Engine.map. Raises Terminated after SIGTERM, when the tasks that ran have ended."""
        waiting = deque(sorted(tasks, key=lambda task: -task.weight))
        suspects: deque[tuple[Task, int]] = deque()
        flight = _Flight()
        alone = False
        with draining():
            while (waiting or suspects or flight.tasks) and not asked():
                if suspects and not flight.tasks:
                    self._submit(function, *suspects.popleft(), flight)
                    alone = True
                while waiting and not alone and len(flight.tasks) < 2 * self._count:
                    self._submit(function, waiting.popleft(), 1, flight)
                if not (future := flight.ended()):
                    continue
                if not _is_lost(future):
                    yield from flight.outcome(future)
                    alone = False
                    continue
                alone = len(flight.tasks) == 1
                self.close()
                yield from flight.finished()
                for task, attempt in flight.lost():
                    if alone and attempt >= retries:
                        yield _killed(task, attempt)
                    else:
                        suspects.append((task, attempt + alone))
                alone = False
            if asked():
                yield from self._last(flight)
                raise Terminated

    def close(self) -> None:
        """End all workers at once."""
        if self._workers is not None:
            self._workers.end()
            self._workers = None

    def _submit(self, function: str, task: Task, attempt: int, flight: "_Flight") -> None:
        self._workers = self._workers or Workers(self._count)
        try:
            future = self._workers.submit(function, task, attempt)
        except BrokenProcessPool:  # a worker died while idle: no task is to blame
            self.close()
            self._workers = Workers(self._count)
            future = self._workers.submit(function, task, attempt)
        flight.add(future, task, attempt)

    def _last(self, flight: "_Flight") -> Iterator[Outcome]:
        """What the tasks that run come to in their time; the others are taken back."""
        if self._workers is not None:
            self._workers.begin_no_more()
        for future in list(flight.tasks):
            if future.cancel():
                del flight.tasks[future]
        while flight.tasks and not out_of_time():
            if ended := flight.ended():
                yield from flight.outcome(ended)
        self.close()


class _Flight:
    """The tasks that the workers have been given."""

    def __init__(self) -> None:
        self.tasks: dict[Future[Outcome | None], tuple[Task, int]] = {}
        self._ended: SimpleQueue[Future[Outcome | None]] = SimpleQueue()

    def add(self, future: Future[Outcome | None], task: Task, attempt: int) -> None:
        self.tasks[future] = task, attempt
        future.add_done_callback(self._ended.put)

    def ended(self) -> Future[Outcome | None] | None:
        """One that has, or None after a while."""
        try:
            future = self._ended.get(timeout=SECONDS_BETWEEN_LOOKS)
        except Empty:
            return None
        return future if future in self.tasks else None

    def outcome(self, future: Future[Outcome | None]) -> Iterator[Outcome]:
        """Of one that has ended; none where the task was not begun, or its worker died."""
        del self.tasks[future]
        if not _is_lost(future) and (outcome := future.result()) is not None:
            yield outcome

    def finished(self) -> Iterator[Outcome]:
        """When the workers have died: of tasks that ended before."""
        for future in [future for future in self.tasks if not _is_lost(future)]:
            yield from self.outcome(future)

    def lost(self) -> list[tuple[Task, int]]:
        """When the workers have died: the tasks that ended with them."""
        lost = list(self.tasks.values())
        self.tasks.clear()
        return lost


def _is_lost(future: Future[Outcome | None]) -> bool:
    return future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


def _killed(task: Task, attempt: int) -> Outcome:
    failure = Failure("killed", f"killed its worker {attempt} times")
    return Outcome(task.key, None, failure, attempt, 0.0, 0.0, "local")
