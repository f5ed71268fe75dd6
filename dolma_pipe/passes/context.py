"""What every pass is given: the recipe, the work directory, an engine, and somebody who watches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Protocol

from dolma_pipe.engine.base import Engine, Failure, Outcome, Task
from dolma_pipe.manifest import Records
from dolma_pipe.recipe import Recipe
from dolma_pipe.work import Work


class Watch(Protocol):
    """Somebody who is told how a run goes on: a progress bar, plain lines, or nobody."""

    def begin(self, what: str, tasks: int, done: int) -> None:
        """A pass starts: so many tasks, of which so many are done already."""

    def advance(self) -> None:
        """One more task has ended."""

    def end(self) -> None:
        """The pass has ended."""

    def say(self, text: str) -> None:
        """Something worth a line."""


class Nobody:
    """Watches nothing."""

    def begin(self, what: str, tasks: int, done: int) -> None: ...
    def advance(self) -> None: ...
    def end(self) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass
class Context:
    """One run."""

    recipe: Recipe
    work: Work
    engine: Engine
    watch: Watch = field(default_factory=Nobody)
    force: bool = False
    timings: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        self.records = Records(self.work)

    def map(
        self, what: str, function: str, tasks: list[Task], done: int = 0, **needs: Any
    ) -> Iterator[Outcome]:
        """Run tasks under watch, with what they need as Engine.map has it; times are noted."""
        self.watch.begin(what, len(tasks) + done, done)
        try:
            yield from self._outcomes(what, self.engine.map(function, tasks, **needs))
        finally:
            self.watch.end()

    def _outcomes(self, what: str, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.watch.advance()
            self.timings.append(
                {
                    "pass": what,
                    "task": intern(outcome.key),  # one text for all passes of a shard
                    "attempt": outcome.attempt,
                    "seconds": round(outcome.seconds, 4),
                    "cpu_seconds": round(outcome.cpu_seconds, 4),
                    "peak_bytes": outcome.peak_bytes,
                    "peak_of": intern(outcome.peak_of),
                    "where": intern(outcome.where),
                }
            )
            yield outcome


class WatchedEngine(Engine):
    """The engine of a run for a stage of many steps: each is watched under its own name."""

    def __init__(self, context: Context, stage: str) -> None:
        self._context = context
        self._stage = stage

    def under(self, name: str) -> Engine:
        return WatchedEngine(self._context, f"{self._stage} {name}")

    def slots(self) -> int:
        return self._context.engine.slots()

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
        name = f"{self._stage}: {function.partition(':')[2].replace('_', ' ')}"
        needs: dict[str, Any] = {"cpus": cpus, "memory": memory, "gpus": gpus, "retries": retries}
        return self._context.map(name, function, list(tasks), 0, **needs)

    def close(self) -> None:
        self._context.engine.close()
