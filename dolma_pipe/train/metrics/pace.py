"""How fast steps follow each other, without the time of evaluating and saving. No torch."""

import statistics
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], float]
"""Seconds since whenever."""
RECENT = 128
"""Steps whose median rate says how long the rest takes."""


class Pace:
    """Time of steps but the first, which compiles."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: float | None = None
        self._paused = 0.0
        self._rates: deque[float] = deque(maxlen=RECENT)
        self._tokens, self._seconds = 0, 0.0

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Around what is no part of a step."""
        start = self._clock()
        try:
            yield
        finally:
            self._paused += self._clock() - start

    def step(self, tokens: int) -> float | None:
        """Seconds of the step that ends now; None of the first, or where no time has passed."""
        now, last = self._clock(), self._last
        seconds = 0.0 if last is None else now - last - self._paused
        self._last, self._paused = now, 0.0
        if seconds <= 0:
            return None
        self._rates.append(tokens / seconds)
        self._tokens, self._seconds = self._tokens + tokens, self._seconds + seconds
        return seconds

    def since_asked(self) -> float | None:
        """Tokens a second of the steps since this was asked before."""
        rate = self._tokens / self._seconds if self._seconds else None
        self._tokens, self._seconds = 0, 0.0
        return rate

    def remaining(self, tokens: int) -> float | None:
        """Seconds for so many tokens, at the median rate of the last steps."""
        rate = statistics.median(self._rates) if self._rates else 0.0
        return tokens / rate if rate > 0 else None
