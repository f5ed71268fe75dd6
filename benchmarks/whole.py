"""The whole run, documents to token arrays, against the same work done by dolma, on one worker."""

import functools
import gzip
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.corpus import Corpus
from benchmarks.process import Cost, cost_of
from benchmarks.race import ROOT, peer_environment
from benchmarks.recipe import dolma_stages, our_recipe, written
from dolma_pipe.assets import asset_path

MAIN = "from dolma_pipe.cli.main import main; main()"


@dataclass(frozen=True)
class Ran:
    """A whole run: what its commands cost, without start-up, and what came out."""

    stages: dict[str, Cost]
    start_up: Cost
    documents: int
    tokens: int

    @property
    def cost(self) -> Cost:
        return _together(self.stages)


class OurRuns:
    """`dolma-pipe run` in a new work directory each time, one worker, kernels compiled before."""

    def __init__(
        self, corpus: Corpus, empty: Corpus, words: Path | None, tokenizer: str, scratch: Path
    ) -> None:
        """empty: what start-up is measured with. words: C4's list. The first run is not counted."""
        self._scratch = scratch
        self._recipes = [
            written(scratch / f"{name}.json", our_recipe(documents, words, tokenizer))
            for name, documents in (("ours", corpus), ("start-up", empty))
        ]
        self._run(self._recipes[0])

    def __call__(self) -> Ran:
        start_up = self._run(self._recipes[1])
        cost = self._run(self._recipes[0])
        manifest = self._scratch / "work" / "tokens" / "manifest.json"
        told = msgspec.json.decode(manifest.read_bytes())
        return Ran({"run": cost.less(start_up)}, start_up, told["documents"], told["tokens"])

    def _run(self, recipe: Path) -> Cost:
        work = self._scratch / "work"
        shutil.rmtree(work, ignore_errors=True)
        command = [sys.executable, "-c", MAIN, "run", str(recipe), "--work", str(work)]
        log = self._scratch / "ours.log"
        return cost_of([*command, "--workers", "1"], _ours_environment(), log, ROOT)


def _ours_environment() -> dict[str, str]:
    return peer_environment() | {"PYTHONPATH": str(ROOT)}


def run_dolma(corpus: Corpus, empty: Corpus, python: Path, tokenizer: str, scratch: Path) -> Ran:
    """tag, dedupe twice, mix, tokens: commands with a start-up each. Raises CommandFailed."""
    dolma = python.parent / "dolma"
    environment = peer_environment() | {"LID_MODEL": str(asset_path("lid176"))}

    def all_stages(documents: Corpus, name: str) -> dict[str, Cost]:
        work = scratch / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        costs = {}
        for stage, settings in dolma_stages(documents, work, tokenizer).items():
            file = written(work / f"{stage}.json", settings)
            command = [str(dolma), "-c", str(file), stage.partition(":")[0]]
            costs[stage] = cost_of(command, environment, work / f"{stage}.log", scratch)
        return costs

    start_up = all_stages(empty, "dolma-start-up")
    stages = {name: cost.less(start_up[name]) for name, cost in all_stages(corpus, "dolma").items()}
    arrays = sorted((scratch / "dolma" / "tokens").rglob("*.npy"))
    tokens = sum(path.stat().st_size for path in arrays) // np.dtype(np.uint16).itemsize
    documents = sum(_documents(path) for path in arrays)
    return Ran(stages, _together(start_up), documents, tokens)


def _together(costs: dict[str, Cost]) -> Cost:
    return functools.reduce(Cost.plus, costs.values())


def _documents(array: Path) -> int:
    """dolma writes a line of metadata a document."""
    with gzip.open(array.with_suffix(".csv.gz")) as file:
        return sum(1 for _ in file)


def beside(ours: OurRuns, peer: Callable[[], Ran], rounds: int) -> tuple[Ran, Ran, float]:
    """Ours before and after each run of the peer: the run that is our median, the peer's, and the
    ratio of their CPU seconds.
    """
    own = [ours()]
    theirs = []
    for _ in range(rounds):
        theirs.append(peer())
        own += [ours(), ours()]
    middle = [sorted(runs, key=lambda ran: ran.cost.cpu)[len(runs) // 2] for runs in (own, theirs)]
    return middle[0], middle[1], middle[1].cost.cpu / middle[0].cost.cpu
