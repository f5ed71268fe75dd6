"""The tables of a shard or a corpus in a file between two steps, read one at a time."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.kernels.frequencies import Counts
from dolma_pipe.kernels.jit import I64
from dolma_pipe.statistics.frequencies import Summary

NUMBERS = "numbers"


def write_partial(
    path: Path, summaries: Iterable[tuple[str, Summary]], matches: Mapping[str, I64]
) -> None:
    """A folder of arrays; summaries are made one after the other. What a task has left there whose
    worker was killed is written over."""
    path.mkdir(parents=True, exist_ok=True)
    for name, summary in summaries:
        numbers = np.array([summary.limit, summary.error, summary.total], np.uint64)
        _save(path, f"{name}.{NUMBERS}", numbers)
        for part in ("known", "heavy"):
            for field, array in getattr(summary, part)._asdict().items():
                _save(path, f"{name}.{part}.{field}", array)
    for name, array in matches.items():
        _save(path, name, array)


def read_summary(path: Path, name: str) -> Summary:
    """One of its tables."""
    limit, error, total = _load(path, f"{name}.{NUMBERS}").tolist()
    known, heavy = (
        Counts(*(_load(path, f"{name}.{part}.{field}") for field in Counts._fields))
        for part in ("known", "heavy")
    )
    return Summary(known, limit, heavy, error, total)


def read_matches(path: Path, name: str) -> I64:
    """What the shard has of an evaluation."""
    found: I64 = _load(path, name)
    return found


def _save(path: Path, name: str, array: npt.NDArray[Any]) -> None:
    np.save(path / f"{name}.npy", array)


def _load(path: Path, name: str) -> Any:
    return np.load(path / f"{name}.npy", allow_pickle=False)
