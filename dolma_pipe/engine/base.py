"""What every engine offers: run a function over small tasks somewhere, and tell how each went.

A task function reads URIs, commits its outputs atomically, is deterministic and idempotent, and
returns only counts. Tasks never talk to each other; data never passes through the driver.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from dolma_pipe.engine.peak import PeakOf
from dolma_pipe.errors import UserError


class Task(msgspec.Struct, frozen=True):
    """One call. key: its name, once in a pass. args: what the function gets, as JSON (URIs and
    parameters). weight: heavier tasks start earlier."""

    key: str
    args: dict[str, Any]
    weight: int = 1


class Failure(msgspec.Struct, frozen=True):
    """Why a task has no value.

    user: its text is the one line of a UserError. bug: its text is a traceback. killed: the worker
    died under it.
    """

    kind: Literal["user", "bug", "killed"]
    text: str


class Outcome(msgspec.Struct, frozen=True):
    """How a task went: value is what the function returned, or error says why there is none.

    attempt: from 1. seconds, cpu_seconds: wall and CPU time of this attempt. where: who ran it.
    peak_bytes: resident memory at the most, of this task or, where the system cannot tell, of its
    worker so far; 0 where it is not known.
    """

    key: str
    value: Any
    error: Failure | None
    attempt: int
    seconds: float
    cpu_seconds: float
    where: str
    peak_bytes: int = 0
    peak_of: PeakOf = "task"


class TaskBug(Exception):
    """A task failed with an error that nobody raised on purpose; carries the worker's traceback."""


class Engine(ABC):
    """Processes on this machine, or a cluster, behind one interface."""

    def under(self, name: str) -> "Engine":  # noqa: ARG002  who watches overrides it
        """The same workers; somebody who watches is told this name with what runs on them."""
        return self

    @abstractmethod
    def slots(self) -> int:
        """How many tasks run at the same time."""

    @abstractmethod
    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,
        memory: int | None = None,
        gpus: int = 0,
        retries: int = 3,
    ) -> Iterator[Outcome]:
        """Run function ("module:name", called with a task's args) over the tasks.

        Outcomes come in any order; a function may run more than once for one task. A task that
        kills its worker is tried `retries` times. cpus, memory (bytes) and gpus are what one task
        needs, for engines that schedule by it.
        """

    def give_up(self) -> None:  # noqa: B027  most engines have nobody to tell
        """Before close, where the run has failed: who takes part elsewhere is told so."""

    @abstractmethod
    def close(self) -> None:
        """End all workers."""


def succeed(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """The values by key; for passes that cannot go on without any of their tasks.

    Raises UserError or TaskBug for the first failure in the order of keys, after all tasks have
    ended.
    """
    values: dict[str, Any] = {}
    failures: dict[str, Failure] = {}
    for outcome in outcomes:
        if outcome.error is None:
            values[outcome.key] = outcome.value
        else:
            failures[outcome.key] = outcome.error
    if failures:
        key, failure = min(failures.items(), key=lambda item: item[0])
        raise_failure(key, failure)
    return values


def raise_failure(key: str, failure: Failure) -> None:
    """Raise a failure as the error that it was."""
    if failure.kind == "bug":
        raise TaskBug(f"task {key} failed:\n{failure.text}")
    raise UserError(failure.text if failure.kind == "user" else f"{key}: {failure.text}")
