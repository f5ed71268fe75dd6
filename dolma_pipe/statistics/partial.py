"""The tables of a shard or a corpus in a file between two steps, read one at a time."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from dolma_pipe.kernels.frequencies import Counts
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.statistics.summary import Summary


def write_partial(
    path: Path, summaries: Iterable[tuple[str, Summary, int]], matches: Mapping[str, I64]
) -> None:
    """A folder with a file for each; summaries are made one after the other, each with what is to
    be added to its places. What a task has left there whose worker was killed is written over."""
    path.mkdir(parents=True, exist_ok=True)
    for name, summary, base in summaries:
        with _file(path, name).open("wb") as file:
            np.save(file, np.array([summary.limit, summary.error, summary.total], np.uint64))
            for keys, counts, places in (summary.known, summary.heavy):
                _save(file, keys)
                _save(file, counts)
                _save(file, places, base)
    for name, found in matches.items():
        np.save(_file(path, name), found)


def read_summary(path: Path, name: str) -> Summary:
    """One of its tables."""
    with _file(path, name).open("rb") as file:
        limit, error, total = _load(file).tolist()
        known, heavy = (Counts(*(_restored(file) for _ in Counts._fields)) for _ in range(2))
    return Summary(known, limit, heavy, error, total)


def read_matches(path: Path, name: str) -> I64:
    """What the shard has of an evaluation."""
    found: I64 = _load(_file(path, name))
    return found


def _save(file: IO[bytes], array: U64, base: int = 0) -> None:
    """In as few bytes as its numbers need, less the least of them, which comes first with base."""
    least = array.min() if len(array) else np.uint64(0)
    width = np.min_scalar_type(array.max() - least) if len(array) else np.uint8
    np.save(file, np.array([int(least) + base], np.uint64))
    if width == np.uint64:
        np.save(file, array)
    else:
        np.save(file, np.subtract(array, least, dtype=width, casting="unsafe"))


def _restored(file: IO[bytes]) -> U64:
    [least], array = _load(file), _load(file)
    restored: U64 = array if array.dtype == np.uint64 else array + least
    return restored


def _file(path: Path, name: str) -> Path:
    return path / f"{name}.npy"


def _load(file: IO[bytes] | Path) -> Any:
    return np.load(file, allow_pickle=False)
