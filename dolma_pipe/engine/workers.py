"""The processes of the local engine: told to begin no more tasks, ended at once, and ended with
their driver."""

import os
import select
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from dolma_pipe.engine.base import Outcome, Task
from dolma_pipe.engine.calling import ONE_THREAD, call

_SIGNALS = {signal.SIGINT, signal.SIGTERM}
"""The driver's to handle: a terminal, Slurm and Kubernetes send them to all processes."""


class _Noted(SpawnContext):
    """Notes the processes that it makes."""

    def __init__(self) -> None:
        self.processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **more: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*args, **more)
        self.processes.append(process)
        return process


class Workers:
    """A pool of so many processes; broken for good when one of them dies."""

    def __init__(self, count: int) -> None:
        self._context = _Noted()
        held_by_workers, self._lifeline = self._context.Pipe(duplex=False)
        seen_by_workers, self._gate = self._context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            count, self._context, _start, (held_by_workers, seen_by_workers)
        )

    def submit(self, function: str, task: Task, attempt: int) -> Future[Outcome | None]:
        """None comes of a task that was not begun. Raises BrokenProcessPool."""
        with _blocked():
            return self._pool.submit(_call_unless_closed, function, task, attempt)

    def begin_no_more(self) -> None:
        """Tasks that no worker has begun come back."""
        self._gate.close()

    def end(self) -> None:
        """At once, whatever they do: every output is atomic."""
        for process in self._context.processes:
            if process.pid is not None:  # it was started
                process.kill()
        self._gate.close()
        self._lifeline.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _blocked() -> Iterator[None]:
    """A process that is started here inherits it, until it has its own way with signals. What comes
    meanwhile, which another thread may be handed, is handled after it: half a start is none."""
    came: list[int] = []
    here = threading.current_thread() is threading.main_thread()
    handlers = {n: signal.getsignal(n) for n in _SIGNALS if here}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        for blocked in handlers:  # one may raise before its turn
            signal.signal(blocked, lambda n, _: came.append(n))
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for blocked, handler in handlers.items():
            signal.signal(blocked, handler)
        for number in came:
            signal.raise_signal(number)


_gate: Connection


def _start(lifeline: Connection, gate: Connection) -> None:
    global _gate
    _gate = gate
    os.environ.update(ONE_THREAD)  # before the task's module loads a library that reads it
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_die_with_driver, args=(lifeline,), daemon=True).start()


def _die_with_driver(lifeline: Connection) -> None:
    """The driver never writes: the pipe ends when it closes it or dies, even by kill -9."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def _call_unless_closed(function: str, task: Task, attempt: int) -> Outcome | None:
    """The pool has handed out more tasks than it has workers: they wait in a pipe."""
    closed, _, _ = select.select([_gate], [], [], 0)
    return None if closed else call(function, task, attempt, f"pid {os.getpid()}")
