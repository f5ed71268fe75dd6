"""Many files searched: by this process, or by several, whose lines come in the order of the
files."""

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.engine.base import Outcome, Task, raise_failure
from dolma_pipe.engine.workers import Workers
from dolma_pipe.errors import InputError
from dolma_pipe.inputs import Input
from dolma_pipe.search.lines import Printing, printed
from dolma_pipe.search.shard import Counts, Search, search

FUNCTION = "dolma_pipe.search.run:search_to_file"
Told = Callable[[Input, Counts], None]
"""Called once for every file, in their order, when it was read as far as was wanted."""


def found_lines(
    shards: list[Input],
    asked: Search,
    how: Printing | None,
    most: int | None,
    workers: int,
    told: Told,
) -> Iterator[str]:
    """What is printed of all files, without line ends, at most so many lines. how: None where only
    the counts are wanted.

    Raises InputError for a file that cannot be read, after the lines of those before.
    """
    if workers == 1 or len(shards) == 1:
        with closing(_here(shards, asked, how, told)) as lines:
            yield from islice(lines, most)
    else:
        yield from _elsewhere(shards, asked, how, most, min(workers, len(shards)), told)


def _here(
    shards: list[Input], asked: Search, how: Printing | None, told: Told
) -> Generator[str, None, None]:
    for shard in shards:
        counts = Counts()
        try:
            yield from _lines(shard, asked, how, counts)
        finally:  # whoever has enough lines does not come back
            told(shard, counts)


def _lines(shard: Input, asked: Search, how: Printing | None, counts: Counts) -> Iterator[str]:
    for found in search(shard, asked, counts):
        if how is not None:
            yield from printed(shard.uri, found, how)


class _Task(msgspec.Struct, frozen=True):
    """One file, whose lines go to another."""

    shard: Input
    asked: Search
    how: Printing | None
    most: int | None
    to: str


def search_to_file(args: dict[str, Any]) -> dict[str, Any]:
    """A task: the counts of a file come back."""
    task, counts = msgspec.convert(args, _Task), Counts()
    lines = _lines(task.shard, task.asked, task.how, counts)
    with Path(task.to).open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in islice(lines, task.most))
    told: dict[str, Any] = msgspec.to_builtins(counts)
    return told


def _elsewhere(
    shards: list[Input],
    asked: Search,
    how: Printing | None,
    most: int | None,
    count: int,
    told: Told,
) -> Iterator[str]:
    """Workers are some files ahead of what is printed, and no more."""
    left = most
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-search-") as folder:
        pool = Workers(count)
        waiting: deque[tuple[Input, Path, Future[Outcome | None]]] = deque()
        unread = iter(enumerate(shards))
        try:
            while True:
                for place, shard in islice(unread, 2 * count + 1 - len(waiting)):
                    path = Path(folder) / str(place)
                    args = msgspec.to_builtins(_Task(shard, asked, how, most, str(path)))
                    future = pool.submit(FUNCTION, Task(shard.uri, args), 1)
                    waiting.append((shard, path, future))
                if not waiting:
                    return
                shard, path, future = waiting.popleft()
                counts = _counts(shard, future)
                with path.open(encoding="utf-8", newline="\n") as file:
                    for line in islice(file, left):
                        left = None if left is None else left - 1
                        yield line.removesuffix("\n")
                path.unlink()
                told(shard, counts)
                if left == 0:
                    return
        finally:
            pool.end()


def _counts(shard: Input, future: "Future[Outcome | None]") -> Counts:
    try:
        outcome = future.result()
    except BrokenProcessPool:
        raise InputError(f"{shard.uri}: a worker was killed (out of memory?)") from None
    assert outcome is not None  # None comes of a closed gate alone
    if outcome.error is not None:
        raise_failure(shard.uri, outcome.error)
    return msgspec.convert(outcome.value, Counts)
