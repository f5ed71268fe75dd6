"""Tasks that run much longer than the others: each is worth a twin, on whose end its own may be
forgotten. Every task is idempotent, so that the first of the two to end wins."""

import time
from array import array
from collections.abc import Callable
from statistics import median

PATIENCE = 20.0
"""Seconds that no task is called slow for."""
FACTOR = 3.0
"""How much longer than the median of those that have ended."""


class Stragglers:
    """What one map knows of how long its tasks take.

    Tasks start in the order in which they were submitted, as many at a time as there are slots: an
    engine that only hears of their ends can tell no better.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[str, None] = {}
        self._started: dict[str, float] = {}
        self._twins: set[str] = set()
        self._most_slots = 0
        self._seconds = array("d")

    def submitted(self, key: str, slots: int) -> None:
        """One more is on its way to a worker."""
        self._waiting[key] = None
        self._start(slots)

    def ended(self, key: str, slots: int, seconds: float | None = None) -> None:
        """One has ended, with a result after so many seconds, or without one."""
        self._waiting.pop(key, None)
        self._started.pop(key, None)
        self._twins.discard(key)
        if seconds is not None:
            self._seconds.append(seconds)
        self._start(slots)

    def has_started(self, key: str) -> bool:
        """Whether it runs, as far as can be known."""
        return key in self._started

    def worth_a_twin(self, slots: int) -> list[str]:
        """The slowest that have none yet, one for each slot that is free; told once.

        A slot that has gone counts as free: what ran there may never be heard of again.
        """
        self._most_slots = max(self._most_slots, slots)
        free = self._most_slots - len(self._started) - len(self._waiting) - len(self._twins)
        if free <= 0 or not self._seconds:
            return []
        bound = self._clock() - max(PATIENCE, FACTOR * median(self._seconds))
        slow = [
            key
            for key, since in sorted(self._started.items(), key=lambda item: item[1])
            if since < bound and key not in self._twins
        ][:free]
        self._twins.update(slow)
        return slow

    def _start(self, slots: int) -> None:
        self._most_slots = max(self._most_slots, slots)
        while self._waiting and len(self._started) < slots:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._started[key] = self._clock()
