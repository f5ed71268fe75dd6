"""Cost a document of deduplication against the number of documents, step by step.

python -m benchmarks.scale FOLDER DOCUMENTS SHARDS WORKERS [CLUSTER ...]   prints a line of JSON
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.synthetic import ENTRIES, Corpus, make
from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.kernels.components import join, pack, partition_of
from dolma_pipe.kernels.jaccard import decide_greedily
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.work import Work

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SHARD = 50_000
"""Documents of a shard, where there are so many."""


class Step(msgspec.Struct):
    """One step of one entry. cpu: seconds of its tasks; peak: bytes of the largest worker."""

    name: str
    tasks: int
    cpu: float
    peak: int


class Result(msgspec.Struct):
    """A whole pass. peak: bytes of the largest process; driver: CPU seconds of the driver."""

    documents: int
    shards: int
    removed: int
    wall: float
    driver: float
    peak: int
    steps: list[Step]


class Measuring(Engine):
    """Workers that are new for every step, so that each tells its own peak of memory."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.steps: list[Step] = []

    def slots(self) -> int:
        return self._workers

    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,  # noqa: ARG002
        memory: int | None = None,  # noqa: ARG002
        gpus: int = 0,  # noqa: ARG002
        retries: int = 3,  # noqa: ARG002
    ) -> Iterator[Outcome]:
        engine = LocalEngine(self._workers)
        wrapped = [Task(t.key, {"function": function, "args": t.args}, t.weight) for t in tasks]
        step = Step(function.rpartition(":")[2], len(wrapped), 0.0, 0)
        for outcome in engine.map("benchmarks.scale:measured", wrapped):
            if outcome.error is None:
                value, cpu, peak = outcome.value
                step.cpu += cpu
                step.peak = max(step.peak, peak)
                outcome = msgspec.structs.replace(outcome, value=value)
            yield outcome
        engine.close()
        self.steps.append(step)

    def close(self) -> None:
        pass


def measured(args: dict[str, Any]) -> tuple[Any, float, int]:
    """Task: another task, its CPU seconds (start-up apart) and the peak of this process."""
    module, _, name = args["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    load_kernels()
    started = time.process_time()
    value = function(args["args"])
    cpu = time.process_time() - started
    return value, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@cache
def load_kernels() -> None:
    """Once a process: what compiled code costs to load says nothing of a document."""
    one = np.ones(1, np.int64)
    parents, members = one - 1, np.zeros(1, np.uint8)
    join(parents, members, np.zeros((1, 2), np.int64))
    pack(parents, members, 1)
    partition_of(parents, members, 0, 1)
    decide_greedily(one.astype(np.uint64), one - 1, one, 0.5)


def run(folder: Path, corpus: Corpus, workers: int) -> Result:
    """Make the corpus and deduplicate it."""
    engine = LocalEngine(workers)
    shards = make(corpus, engine)
    engine.close()
    measuring = Measuring(workers)
    started, cpu = time.perf_counter(), time.process_time()
    report = deduplicate(Work(folder / "work"), ENTRIES, shards, measuring)
    peaks = [step.peak for step in measuring.steps]
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Result(
        documents=corpus.documents,
        shards=corpus.shards,
        removed=corpus.documents - report["kept"],
        wall=time.perf_counter() - started,
        driver=time.process_time() - cpu,
        peak=max(own, *peaks),
        steps=measuring.steps,
    )


def run_apart(
    documents: int, shards: int | None = None, workers: int = 2, clusters: Sequence[int] = ()
) -> Result:
    """In a process of its own."""
    shards = shards or max(4, documents // SHARD)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-scale-") as folder:
        given = [folder, documents, shards, workers, *clusters]
        command = [sys.executable, "-m", "benchmarks.scale", *map(str, given)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=Result)


def main(folder: str, documents: str, shards: str, workers: str, *clusters: str) -> None:
    """Print what it cost."""
    fixed = tuple(map(int, clusters)) or None
    corpus = Corpus(f"{folder}/index", int(documents), int(shards), fixed)
    print(json.dumps(msgspec.to_builtins(run(Path(folder), corpus, int(workers)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
