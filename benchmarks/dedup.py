"""Stage 4 from shards to filtered shards, against the tools that do the same: MinHash with
datatrove's four stages and text-dedup, equal texts with dolma's deduper and mixer."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.peers import PeerMissing
from benchmarks.process import CommandFailed, Cost, cost_of
from benchmarks.race import ROOT, Pythons, peer_environment
from benchmarks.recipe import dolma_dedupe, written
from benchmarks.whole import MAIN
from dolma_pipe.curated import read_curated_lines

BANDS, ROWS, WORDS = 14, 8, 5
MINHASH = {"minhash": {"bands": BANDS, "rows": ROWS, "shingle": WORDS}}
ALONE = "exact, what it adds"
ENDING = ".jsonl"
NOTHING = Cost(0.0, 0.0, 0)

Run = Callable[[Corpus, Path], Cost]
"""Given documents and a folder to work in, what it cost."""


@dataclass
class Tool:
    """One tool on one method: its commands, and how many documents they left (None: not told)."""

    method: str
    name: str
    wanted: float | None
    run: Run
    left: Callable[[Path], int] | None
    start_up: Cost = NOTHING
    costs: list[Cost] = field(default_factory=list)
    documents: int | None = None

    @property
    def cost(self) -> Cost:
        """The run of the median."""
        return sorted(self.costs, key=lambda cost: cost.cpu)[len(self.costs) // 2]


def plain(corpus: Corpus, folder: Path) -> Corpus:
    """The same documents with id and text alone, uncompressed: what every tool reads."""
    for source, paths in corpus.sources.items():
        target = folder / source / "documents"
        target.mkdir(parents=True, exist_ok=True)
        alone = Corpus(corpus.folder)
        alone.__dict__["sources"] = {source: paths}
        with (target / f"{source}{ENDING}").open("w", encoding="utf-8") as file:
            for i, text in enumerate(alone.texts):
                file.write(json.dumps({"id": f"{source}-{i}", "text": text, "source": source}))
                file.write("\n")
    return Corpus(folder)


def dedup(
    corpus: Corpus, empty: Corpus, pythons: Pythons, rounds: int, scratch: Path
) -> tuple[list[Tool], list[str]]:
    """Every tool on every method; a line for each that could not be run.

    Ours runs before and after each run of another; its first run is not counted.
    """
    documents, nothing = plain(corpus, scratch / "plain"), plain(empty, scratch / "plain-tiny")
    found: list[Tool] = []
    refusals: list[str] = []
    for method, made_of in OURS.items():
        ours = Tool(method, *made_of)
        ours.run(nothing, scratch / "work")
        _start_up(ours, nothing, scratch)
        _count(ours, documents, scratch)
        found.append(ours)
        for environment, made in PEERS[method]:
            try:
                peer = made(pythons(environment))
                _start_up(peer, nothing, scratch)
                for _ in range(rounds):
                    _count(peer, documents, scratch)
                    _count(ours, documents, scratch)
            except (PeerMissing, CommandFailed) as missing:
                refusals.append(f"{method}: {missing}")
            else:
                found.append(peer)
    return found, refusals


def _start_up(tool: Tool, nothing: Corpus, scratch: Path) -> None:
    costs = [tool.run(nothing, scratch / "work") for _ in range(3)]
    tool.start_up = Cost(*(median(column) for column in zip(*costs, strict=True)))


def _count(tool: Tool, documents: Corpus, scratch: Path) -> None:
    tool.costs.append(tool.run(documents, scratch / "work").less(tool.start_up))
    if tool.left is not None:
        tool.documents = tool.left(scratch / "work")


def _fresh(work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return work


def deduplicated(
    corpus: Corpus, entries: list[dict[str, Any]], work: Path, out: Path | None = None
) -> Cost:
    """Stages 1 to 3 without a tagger, stage 4, and the documents that survive, if `out` is given.

    The work directory is work/dolma-pipe.
    """
    recipe = {
        "name": "dedup",
        "sources": {
            name: {"documents": [str(path) for path in paths]}
            for name, paths in corpus.sources.items()
        },
        "dedup": entries,
    }
    path = str(written(_fresh(work) / "recipe.json", recipe))
    environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
    does = ["export", "documents", path, str(out)] if out else ["run", path, "--stage", "dedup"]
    command = [sys.executable, "-c", MAIN, *does]
    command += ["--work", str(work / "dolma-pipe"), "--workers", "1"]
    return cost_of(command, environment, work / "ours.log", ROOT)


def _ours(entries: list[dict[str, Any]]) -> Run:
    return lambda corpus, work: deduplicated(corpus, entries, work, work / "out")


def _added(corpus: Corpus, work: Path) -> Cost:
    """What an exact entry adds to a run without one."""
    return deduplicated(corpus, [{"exact": {}}], work).less(deduplicated(corpus, [], work))


def _datatrove(python: Path) -> Tool:
    def run(corpus: Corpus, work: Path) -> Cost:
        links = _linked(corpus, _fresh(work) / "in")
        environment = peer_environment() | {"PYTHONPATH": str(ROOT), "DATATROVE_COLORIZE_LOGS": "0"}
        command = [str(python), "-m", "benchmarks.sides.datatrove_minhash", str(links), str(work)]
        command += [str(BANDS), str(ROWS), str(WORDS)]
        return cost_of(command, environment, work / "datatrove.log", ROOT)

    return Tool("minhash", "datatrove 0.10.1, four stages", 30, run, _lines("out"))


def _text_dedup(python: Path, hashed: str, wanted: float | None) -> Tool:
    def run(corpus: Corpus, work: Path) -> Cost:
        links = _linked(corpus, _fresh(work) / "in")
        environment = peer_environment() | {"HF_HOME": str(work / "hf"), "HF_HUB_OFFLINE": "1"}
        command = [str(python), "-m", "text_dedup.minhash", "--path", "json", "--split", "train"]
        command += ["--data_files", f"{links}/*{ENDING}", "--column", "text", "--num_proc", "1"]
        command += ["--ngram", str(WORDS), "--b", str(BANDS), "--r", str(ROWS)]
        command += ["--num_perm", str(BANDS * ROWS), "--hash_func", hashed]
        command += ["--cache_dir", str(work / "cache"), "--output", str(work / "out")]
        return cost_of(command, environment, work / "text_dedup.log", work)

    return Tool("minhash", f"text-dedup 0.4.0, {hashed}", wanted, run, _arrow_rows)


def _dolma(python: Path) -> Tool:
    def run(corpus: Corpus, work: Path) -> Cost:
        costs = []
        for stage, settings in dolma_dedupe(corpus, _fresh(work)).items():
            file = written(work / f"{stage}.json", settings)
            command = [str(python.parent / "dolma"), "-c", str(file), stage]
            costs.append(cost_of(command, peer_environment(), work / f"{stage}.log", work))
        return costs[0].plus(costs[1])

    return Tool("exact", "dolma 1.2.1, dedupe and mix", None, run, _lines("mixed"))


def _dolma_alone(python: Path) -> Tool:
    def run(corpus: Corpus, work: Path) -> Cost:
        settings = dolma_dedupe(corpus, _fresh(work))["dedupe"]
        file = written(work / "dedupe.json", settings)
        command = [str(python.parent / "dolma"), "-c", str(file), "dedupe"]
        return cost_of(command, peer_environment(), work / "dedupe.log", work)

    return Tool(ALONE, "dolma 1.2.1, dedupe", 5, run, None)


def _linked(corpus: Corpus, folder: Path) -> Path:
    folder.mkdir()
    for source, paths in corpus.sources.items():
        for path in paths:
            (folder / f"{source}-{path.name}").symlink_to(path)
    return folder


def _lines(name: str) -> Callable[[Path], int]:
    def count(work: Path) -> int:
        paths = (work / name).rglob("*.json*")
        return sum(1 for path in paths for _ in read_curated_lines(path))

    return count


def _arrow_rows(work: Path) -> int:
    import pyarrow as pa

    rows = 0
    for path in sorted((work / "out").glob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            rows += pa.ipc.open_stream(file).read_all().num_rows
    return rows


OURS: dict[str, tuple[str, None, Run, Callable[[Path], int] | None]] = {
    "minhash": ("dolma-pipe", None, _ours([MINHASH]), _lines("out")),
    "exact": ("dolma-pipe", None, _ours([{"exact": {}}]), _lines("out")),
    ALONE: ("dolma-pipe", None, _added, None),
}
PEERS: dict[str, list[tuple[str, Callable[[Path], Tool]]]] = {
    "minhash": [
        ("datatrove", _datatrove),
        ("text-dedup", lambda python: _text_dedup(python, "sha1", 20)),  # its default
        ("text-dedup", lambda python: _text_dedup(python, "xxh3", None)),
    ],
    "exact": [("dolma", _dolma)],
    ALONE: [("dolma", _dolma_alone)],
}
