"""Ahead: of many files in their order, the next ones are fetched while one is looked at."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dolma_pipe.work import AT_ONCE, is_remote

T = TypeVar("T")


def ahead(read: Callable[[Path], T], paths: Iterable[Path]) -> Iterator[T]:
    """What `read` makes of each file, in their order; of local files, one after the other."""
    paths = list(paths)
    if not any(map(is_remote, paths)):
        yield from map(read, paths)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for path in paths:
                waiting.append(pool.submit(read, path))
                if len(waiting) == AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
