"""Cost a document of deduplication against the number of documents, step by step.

python -m benchmarks.scale_dedup FOLDER WORKERS CORPUS   deduplicates Corpus (JSON), prints costs
"""

import importlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.synthetic import CLUSTERED, LARGEST, SHINGLES, Corpus, make
from benchmarks.tables import table
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
        for outcome in engine.map("benchmarks.scale_dedup:measured", wrapped):
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


def growing(sizes: Iterable[int] = SIZES) -> Iterator[Result]:
    """Corpora of these sizes, heavy-tailed clusters in each."""
    for documents in sizes:
        yield run_apart(Corpus("", documents, max(4, documents // SHARD)))


HOSTILE = {
    "10^5 equal documents among 2 x 10^5": Corpus("", 200_000, 4, (100_000,), equal=1.0),
    "one cluster of 10^4 near copies among 2 x 10^5": Corpus("", 200_000, 4, (10_000,), equal=0.0),
    "2,000 shards of 10 documents": Corpus("", 20_000, 2000),
    "8,000 shards of 10 documents": Corpus("", 80_000, 8000),
}


INTRODUCTION = f"""Synthetic documents of {SHINGLES} shingles, keys and sets without texts as an
index holds them; {CLUSTERED:.0%} of them in clusters whose sizes have a heavy tail (up to
{LARGEST:,}). Exact and MinHash entries, 14 x 8, verified; two workers, new ones for every step. CPU
microseconds a document, start-up of workers subtracted; MB: the largest worker of the step at the
last size. Wanted: flat from 10^4 to 10^7 documents, and no process above 2,000 MB.
"""


def told(results: Sequence[Result], hostile: Mapping[str, Result]) -> str:
    """The section of RESULTS.md."""
    names = list(dict.fromkeys(step.name for step in results[-1].steps))
    rows = [[name, *(f"{_cost(r, name):.2f}" for r in results)] for name in names]
    for row, name in zip(rows, names, strict=True):
        row.append(f"{max(s.peak for s in results[-1].steps if s.name == name) / 1e6:.0f}")
    rows.append(["driver", *(f"{r.driver * 1e6 / r.documents:.2f}" for r in results), ""])
    rows.append(["**all**", *(f"**{_all(r):.1f}**" for r in results), ""])
    rows.append(["largest process, MB", *(f"{r.peak / 1e6:.0f}" for r in results), ""])
    head = ("step", *(f"{r.documents:,}" for r in results), "MB")
    more = [[name, *_row(result)] for name, result in hostile.items()]
    columns = ("", "documents", "shards", "removed", "us a document", "ms a shard", "peak MB")
    return (
        f"### deduplication, cost against documents\n\n{INTRODUCTION}\n{table(head, rows)}\n\n"
        f"Hostile corpora:\n\n{table(columns, more)}\n"
    )


def measured_all() -> str:
    """Every size and every hostile corpus: the section of RESULTS.md."""
    hostile = {name: run_apart(corpus) for name, corpus in HOSTILE.items()}
    return told(list(growing()), hostile)


def _row(result: Result) -> list[str]:
    counts = [f"{n:,}" for n in (result.documents, result.shards, result.removed)]
    a_shard = _all(result) * result.documents / result.shards / 1e3
    return [*counts, f"{_all(result):.1f}", f"{a_shard:.1f}", f"{result.peak / 1e6:.0f}"]


def _cost(result: Result, name: str) -> float:
    return sum(s.cpu for s in result.steps if s.name == name) * 1e6 / result.documents


def _all(result: Result) -> float:
    return (sum(s.cpu for s in result.steps) + result.driver) * 1e6 / result.documents


def run(folder: Path, corpus: Corpus, workers: int) -> Result:
    """Make the corpus and deduplicate it."""
    engine = LocalEngine(workers)
    shards = make(corpus, engine)
    engine.close()
    measuring = Measuring(workers)
    started, cpu = time.perf_counter(), time.process_time()
    report = deduplicate(Work(folder / "work"), corpus.entries(), shards, measuring)
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


def run_apart(corpus: Corpus, workers: int = 2) -> Result:
    """In a process of its own, and a folder that goes with it; the corpus has no root yet."""
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-scale-") as folder:
        given = msgspec.structs.replace(corpus, root=f"{folder}/index")
        command = [sys.executable, "-m", "benchmarks.scale_dedup", folder, str(workers)]
        encoded = msgspec.json.encode(given).decode()
        done = subprocess.run([*command, encoded], capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=Result)


def main(folder: str, workers: str, corpus: str) -> None:
    """Print what it cost."""
    given = msgspec.json.decode(corpus, type=Corpus)
    print(msgspec.json.encode(run(Path(folder), given, int(workers))).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
