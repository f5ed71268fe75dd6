"""Ahead: of many things in their order, the next ones are read while one is looked at."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

AT_ONCE = 32
"""Requests for small files at the same time, where many are wanted."""
BYTES_AHEAD = 64 << 20
"""What is read and not looked at yet takes no more memory, but for a single thing that does."""


def ahead(
    read: Callable[[Item], T],
    items: Iterable[Item],
    at_once: int = AT_ONCE,
    size: Callable[[Item], int] = lambda _: 0,
) -> Iterator[T]:
    """What `read` makes of each, in their order. size: bytes that it will make of one."""
    waiting: deque[tuple[Future[T], int]] = deque()
    held = 0
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                more = size(item)
                while waiting and (len(waiting) == at_once or held + more > BYTES_AHEAD):
                    held -= waiting[0][1]
                    yield waiting.popleft()[0].result()
                waiting.append((pool.submit(read, item), more))
                held += more
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            for one, _ in waiting:
                one.cancel()
