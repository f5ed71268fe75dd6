"""Where our time goes: one run in one process, with a clock at the doors of its parts.

python -m benchmarks.where RECIPE WORK WARM_UP_RECIPE RESULT.json
"""

import functools
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.shard import ShardReader
from dolma_pipe.work import Work

DOORS = (
    ("split words", "dolma_pipe.batch", "split_words"),
    ("split lines", "dolma_pipe.batch", "split_lines"),
    ("split sentences", "dolma_pipe.batch", "split_sentences"),
    ("mask", "dolma_pipe.stages.outputs", "masked"),
    ("mask: lines of JSON", "dolma_pipe.stages.outputs", "with_fields"),
    ("write documents", "dolma_pipe.shard", "ShardWriter.lines"),
    ("write columns", "dolma_pipe.attributes", "ParquetRows.add"),
    ("write columns", "dolma_pipe.attributes", "ParquetRows.close"),
    ("sign: exact, survivor order", "dolma_pipe.stages.dedup.sign", "Signatures.add"),
    ("sign: MinHash", "dolma_pipe.stages.dedup.keys", "band_keys"),
    ("encode", "dolma_pipe.tokenizer", "Tokenizer.encode"),
    ("encode: check of a sample", "dolma_pipe.tokenizer", "Tokenizer.encode_reference"),
)
"""Label, module, attribute: whoever calls it is charged for the rest only."""


class Clock:
    """CPU seconds by label; inside a label the seconds of another label are that one's."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open = ["driver"]
        self.task = ""
        self._since = time.process_time()

    @contextmanager
    def on(self, label: str) -> Iterator[None]:
        """Charge the block to a label."""
        self._charge()
        self._open.append(label)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def restart(self) -> None:
        self.seconds.clear()
        self._since = time.process_time()

    def wrapped(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.on(label):
                return function(*args, **kwargs)

        return timed


class Here(Engine):
    """Tasks one after the other in this process, each charged to its function's name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def slots(self) -> int:
        return 1

    def map(self, function: str, tasks: Iterable[Task], **_: Any) -> Iterator[Outcome]:
        module, name = function.split(":")
        work = getattr(importlib.import_module(module), name)
        for task in tasks:
            self._clock.task = name.replace("_", " ")
            with self._clock.on(f"{self._clock.task}: the rest"):
                value = work(task.args)
            yield Outcome(task.key, value, None, 1, 0.0, 0.0, "here")

    def close(self) -> None: ...


def open_doors(clock: Clock, recipe: Path) -> None:
    """Put the clock at DOORS, at every tagger of the recipe and at the reader."""
    for label, module, attribute in DOORS:
        owner: Any = importlib.import_module(module)
        *path, name = attribute.split(".")
        for part in path:
            owner = getattr(owner, part)
        setattr(owner, name, clock.wrapped(label, getattr(owner, name)))
    for use in read_recipe(recipe).sources[0].taggers:
        kind: Any = type(use.build())
        kind.tag = clock.wrapped(f"tag: {use.prefix}", kind.tag)
    read = ShardReader.__iter__

    def timed(self: ShardReader) -> Iterator[Any]:
        batches = read(self)
        while True:
            with clock.on(f"read, {clock.task}"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    ShardReader.__iter__ = timed  # type: ignore[method-assign]


def main(recipe: str, work: str, warm_up: str, result: str) -> None:
    clock = Clock()
    open_doors(clock, Path(recipe))
    run(Context(read_recipe(Path(warm_up)), Work(Path(f"{work}-warm-up")), Here(clock)))
    clock.restart()
    with clock.on("driver"):
        run(Context(read_recipe(Path(recipe)), Work(Path(work)), Here(clock)))
    Path(result).write_text(json.dumps(clock.seconds), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
