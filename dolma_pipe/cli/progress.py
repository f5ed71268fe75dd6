"""How a run goes on: a bar on a terminal, plain lines anywhere else."""

import sys
import time
from typing import Any

from dolma_pipe.passes.context import Watch

SECONDS_BETWEEN_LINES = 10.0


class Bar:
    """tqdm on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, what: str, tasks: int, done: int) -> None:
        from tqdm import tqdm

        steps = ":" in what  # of a stage: too many to leave a line each
        self._bar = tqdm(
            total=tasks, initial=done, desc=f"{what:<24}", unit="task", leave=not steps, ncols=79
        )

    def advance(self) -> None:
        self._bar.update()

    def end(self) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Lines:
    """A line when a pass starts and ends, and now and then between."""

    def __init__(self) -> None:
        self._what, self._tasks, self._done, self._told = "", 0, 0, 0.0

    def begin(self, what: str, tasks: int, done: int) -> None:
        self._what, self._tasks, self._done, self._told = what, tasks, done, time.monotonic()
        plural = "" if tasks == 1 else "s"
        self.say(f"{what}: {tasks} task{plural}" + (f", {done} done already" if done else ""))

    def advance(self) -> None:
        self._done += 1
        if time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self.say(f"{self._what}: {self._done} of {self._tasks}")

    def end(self) -> None: ...

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def watcher() -> Watch:
    """A bar where a person sits, lines in a log."""
    return Bar() if sys.stderr.isatty() else Lines()
