"""Stages 1 to 3 with their reading and writing, every document through every tagger: ours,
`dolma tag`, and datatrove's filters."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.corpus import Corpus
from benchmarks.peers import PeerMissing
from benchmarks.process import CommandFailed, Cost, cost_of
from benchmarks.race import ROOT, Pythons, peer_environment
from benchmarks.recipe import dolma_stages, our_recipe, written
from benchmarks.whole import MAIN
from dolma_pipe.assets import asset_path

TAGGED = ("name", "seed", "sources", "language", "quality", "content")
WANTED = {"dolma": 20, "datatrove": 40}


@dataclass
class Timed:
    """What a tool's runs cost without its start-up."""

    name: str
    start_up: Cost
    costs: list[Cost] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        """The run of the median."""
        return sorted(self.costs, key=lambda cost: cost.cpu)[len(self.costs) // 2]


Run = Callable[[Corpus], Cost]


def _ours(words: Path | None, tokenizer: str, scratch: Path) -> Run:
    def run(corpus: Corpus) -> Cost:
        recipe = our_recipe(corpus, words, tokenizer)
        path = written(
            scratch / "chain.json", {key: value for key, value in recipe.items() if key in TAGGED}
        )
        work = scratch / "chain"
        shutil.rmtree(work, ignore_errors=True)
        command = [sys.executable, "-c", MAIN, "tag", str(path), "--all", "--work", str(work)]
        environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
        return cost_of([*command, "--workers", "1"], environment, scratch / "chain.log", ROOT)

    return run


def _dolma(python: Path, tokenizer: str, scratch: Path) -> Run:
    environment = peer_environment() | {"LID_MODEL": str(asset_path("lid176"))}

    def run(corpus: Corpus) -> Cost:
        work = scratch / "chain-dolma"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        file = written(work / "tag.json", dolma_stages(corpus, work, tokenizer)["tag"])
        command = [str(python.parent / "dolma"), "-c", str(file), "tag"]
        return cost_of(command, environment, work / "tag.log", scratch)

    return run


def _datatrove(python: Path, scratch: Path) -> Run:
    environment = peer_environment() | {"PYTHONPATH": str(ROOT), "DATATROVE_COLORIZE_LOGS": "0"}

    def run(corpus: Corpus) -> Cost:
        work = scratch / "chain-datatrove"
        shutil.rmtree(work, ignore_errors=True)
        (work / "in").mkdir(parents=True)
        for source, paths in corpus.sources.items():
            for path in paths:
                (work / "in" / f"{source}-{path.name}").symlink_to(path)
        command = [str(python), "-m", "benchmarks.sides.datatrove_chain", str(work / "in")]
        command += [str(work / "out"), str(asset_path("lid176"))]
        return cost_of(command, environment, work / "chain.log", ROOT)

    return run


def chain(
    corpus: Corpus,
    empty: Corpus,
    words: Path | None,
    tokenizer: str,
    pythons: Pythons,
    rounds: int,
    scratch: Path,
) -> tuple[list[Timed], list[str]]:
    """Ours first, then the others; a line for each who could not be run.

    Ours runs before and after each run of another. The first run of ours is not counted.
    """
    ours = _ours(words, tokenizer, scratch)
    ours(empty)
    first = Timed("dolma-pipe tag --all", _middle([ours(empty) for _ in range(3)]))
    ways: list[tuple[str, str, Callable[[Path], Run]]] = [
        ("dolma", "dolma 1.2.1, tag", lambda python: _dolma(python, tokenizer, scratch)),
        ("datatrove", "datatrove 0.10.1, filters", lambda python: _datatrove(python, scratch)),
    ]
    found, refusals = [first], list[str]()

    def own() -> None:
        first.costs.append(ours(corpus).less(first.start_up))

    own()
    for name, title, made in ways:
        try:
            run = made(pythons(name))
            timed = Timed(title, _middle([run(empty) for _ in range(3)]))
            for _ in range(rounds):
                timed.costs.append(run(corpus).less(timed.start_up))
                own()
        except (PeerMissing, CommandFailed) as missing:
            refusals.append(str(missing))
        else:
            found.append(timed)
    return found, refusals


def _middle(costs: list[Cost]) -> Cost:
    return Cost(*(median(column) for column in zip(*costs, strict=True)))
