"""SIGTERM, as schedulers and spot instances send it: no task is started any more, those that run
get some time to end, what they made is committed, and the run ends with 143."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dolma_pipe.errors import UserError

GRACE = "DOLMA_PIPE_GRACE"
"""Seconds for the tasks that run when SIGTERM comes."""
SECONDS = 20.0
"""Where the variable is not set: Kubernetes kills after 30, spot instances after 30 to 120."""


class Terminated(BaseException):
    """SIGTERM has come; like KeyboardInterrupt, nobody on the way takes it for an error."""


class _Stop:
    """What the handler tells the engine's loop."""

    def __init__(self) -> None:
        self.asked_at: float | None = None
        self.failure: UserError | None = None
        self.loops = 0


_stop = _Stop()


def asked() -> bool:
    """Whether no more tasks are to be started. Raises what another thread says by `fail`."""
    if _stop.failure is not None:
        raise _stop.failure
    return _stop.asked_at is not None


def fail(error: UserError | None) -> None:
    """From another thread: engines stop with this error. None takes it back."""
    _stop.failure = error


def out_of_time() -> bool:
    """Whether those that run have had their time."""
    return _stop.asked_at is not None and time.monotonic() - _stop.asked_at > grace()


def grace() -> float:
    """Seconds for the tasks that run. Raises UserError where the variable does not say them."""
    given = os.environ.get(GRACE) or str(SECONDS)
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UserError(f"{GRACE} is {given!a}, not a number of seconds")
    return seconds


@contextmanager
def draining() -> Iterator[None]:
    """Around an engine's loop, which asks `asked` every second or so, drains, and raises Terminated
    by itself."""
    _stop.loops += 1
    try:
        yield
    finally:
        _stop.loops -= 1


@contextmanager
def obeyed() -> Iterator[None]:
    """Around a command: SIGTERM raises Terminated, at once or when the engine has drained. A second
    one does not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _stop.asked_at = None


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    again = _stop.asked_at is not None
    _stop.asked_at = _stop.asked_at or time.monotonic()
    if again or not _stop.loops:
        raise Terminated
