"""An engine in this process: for tests of passes that need not wait for workers to start."""

from collections.abc import Iterable, Iterator
from typing import Any

from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.engine.calling import call
from dolma_pipe.tokenizer import load_tokenizer


class Inline(Engine):
    """One task after the other."""

    def __init__(self) -> None:
        """A worker that has read no tokenizers yet."""
        load_tokenizer.cache_clear()

    def slots(self) -> int:
        return 1

    def map(self, function: str, tasks: Iterable[Task], **_: Any) -> Iterator[Outcome]:
        for task in tasks:
            yield call(function, task, 1, "inline")

    def close(self) -> None: ...
