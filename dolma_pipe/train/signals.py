"""SIGTERM and Ctrl-C end a training after the step that is under way, saved."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """What was asked for: the number of a signal, or 0."""

    def __init__(self) -> None:
        self.signal = 0

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """A second one is not waited for."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
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
