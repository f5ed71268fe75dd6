"""The local engine: processes on this machine. A worker killed with -9 does not end the run."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection

from dolma_pipe.engine.base import Engine, Failure, Outcome, Task
from dolma_pipe.engine.calling import ONE_THREAD, call


class LocalEngine(Engine):
    """A pool of processes that is built again whenever a worker dies.

    The pool cannot tell which of the tasks in flight killed the worker, so each of them runs alone
    once: the one that kills its worker again is the poison, is tried `retries` times, and fails;
    all others finish.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def slots(self) -> int:
        return self._workers

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
        queue = deque(sorted(tasks, key=lambda task: -task.weight))
        suspects: deque[tuple[Task, int]] = deque()
        running: dict[Future[Outcome], tuple[Task, int]] = {}
        while queue or suspects or running:
            if suspects and not running:
                self._submit(function, *suspects.popleft(), running)
            while not suspects and queue and len(running) < 2 * self._workers:
                self._submit(function, queue.popleft(), 1, running)
            alone = len(running) == 1
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            dead = [future for future in done if isinstance(future.exception(), BrokenProcessPool)]
            for future in done:
                if future not in dead:
                    del running[future]
                    yield future.result()
            if not dead:
                continue
            self._discard_pool()
            for task, attempt in list(running.values()):
                if alone and attempt >= retries:
                    yield _killed(task, attempt)
                else:
                    suspects.append((task, attempt + alone))
            running.clear()

    def close(self) -> None:
        self._discard_pool()

    def _submit(
        self,
        function: str,
        task: Task,
        attempt: int,
        running: dict[Future[Outcome], tuple[Task, int]],
    ) -> None:
        try:
            future = self._alive_pool().submit(_call, function, task, attempt)
        except BrokenProcessPool:  # a worker died while idle: no task is to blame
            self._discard_pool()
            future = self._alive_pool().submit(_call, function, task, attempt)
        running[future] = (task, attempt)

    def _alive_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = get_context("spawn")
            held_by_workers, self._lifeline = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                self._workers, context, initializer=_start_worker, initargs=(held_by_workers,)
            )
        return self._pool

    def _discard_pool(self) -> None:
        """End the workers at once, whatever they do: every output is atomic."""
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _start_worker(lifeline: Connection) -> None:
    os.environ.update(ONE_THREAD)  # before the task's module loads a library that reads it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    threading.Thread(target=_die_with_driver, args=(lifeline,), daemon=True).start()


def _die_with_driver(lifeline: Connection) -> None:
    """The driver never writes: the pipe ends when it closes it or dies, even by kill -9."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def _killed(task: Task, attempt: int) -> Outcome:
    failure = Failure("killed", f"killed its worker {attempt} times")
    return Outcome(task.key, None, failure, attempt, 0.0, 0.0, "local")


def _call(function: str, task: Task, attempt: int) -> Outcome:
    return call(function, task, attempt, f"pid {os.getpid()}")
