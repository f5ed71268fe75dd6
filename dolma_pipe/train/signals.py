"""SIGTERM and Ctrl-C end a training after the step that is under way, saved."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AT_ONCE = 2.0
"""Seconds within which two signals are one."""


class Stop:
    """What was asked for: the number of a signal, or 0."""

    def __init__(self) -> None:
        self.signal, self._asked = 0, 0.0

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """A second one is not waited for, but for one at once: schedulers tell all processes, and
        torchrun tells its own again."""
        now = time.monotonic()
        if self.signal and now - self._asked > AT_ONCE:
            raise KeyboardInterrupt
        if self.signal:
            return
        self.signal, self._asked = number, now
        name = signal.Signals(number).name
        told = f"{name}: saving after this step; once more to stop at once"
        print(f"dolma-pipe: {told}", file=sys.stderr, flush=True)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Catch SIGTERM and SIGINT; only the main thread can."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
