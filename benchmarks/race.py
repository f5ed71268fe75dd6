"""Sides of a comparison take turns on the same documents; medians, since machines are noisy."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.peers import PeerMissing
from dolma_pipe.engine.calling import ONE_THREAD

ROOT = Path(__file__).resolve().parent.parent
OURS = "ours"

Pythons = Callable[[str], Path]
"""The Python of an environment by name; raises PeerMissing."""


class Side(NamedTuple):
    """Who takes part: MODULE:CLASS (see sides/serve.py) in OURS or an environment of peers.PINS."""

    name: str
    environment: str
    target: str
    arguments: dict[str, Any]


@dataclass
class Standing:
    """Seconds by round, the largest peak memory (bytes), and the result of the last round."""

    side: Side
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak: int = 0
    told: Any = None

    def times_slower(self, ours: "Standing", wall: bool = False) -> float:
        """How many times the CPU (or wall) seconds of ours: the median over pairs of rounds."""
        pairs = zip(self.wall, ours.wall) if wall else zip(self.cpu, ours.cpu)  # noqa: B905
        return median(peer / own for peer, own in pairs)


class SideFailed(Exception):
    """A side cannot take part; one line."""


class _Worker:
    """The process of one side."""

    def __init__(self, side: Side, python: Path, documents: Path, scratch: Path) -> None:
        self.standing = Standing(side)
        self._scratch = scratch
        settings = scratch / "arguments.json"
        settings.write_text(json.dumps(side.arguments), encoding="utf-8")
        self._errors = (scratch / "stderr.txt").open("w+", encoding="utf-8")
        command = ["-m", "benchmarks.sides.serve", side.target, str(documents), str(settings)]
        self._process = subprocess.Popen(
            [str(python), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=peer_environment() | {"PYTHONPATH": str(ROOT)},
        )
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:]
            raise SideFailed(f"{self.standing.side.name}: {''.join(last) or 'ended'}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _order(self, order: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._answer()

    def round(self) -> None:
        took = self._order("go")
        self.standing.cpu.append(took["cpu"])
        self.standing.wall.append(took["wall"])
        self.standing.peak = max(self.standing.peak, took["peak"])

    def tell(self) -> None:
        path = self._scratch / "told.json"
        self._order(f"tell {path}")
        self.standing.told = json.loads(path.read_text(encoding="utf-8"))

    def end(self) -> None:
        self._process.communicate()
        self._errors.close()


def race(
    sides: Sequence[Side], pythons: Pythons, documents: Path, rounds: int, scratch: Path
) -> tuple[list[Standing], list[str]]:
    """Let the sides take turns; one works while the others wait. Loading is not counted.

    Gives who took part, in order, and a line for each who could not. Raises SideFailed where one
    fails on its way.
    """
    refusals = []
    with ExitStack() as running:
        workers = []
        for number, side in enumerate(sides):
            folder = scratch / f"{documents.stem}.{number}"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                python = (
                    Path(sys.executable) if side.environment == OURS else pythons(side.environment)
                )
                workers.append(_Worker(side, python, documents, folder))
            except (PeerMissing, SideFailed) as missing:
                if side.environment == OURS:
                    raise
                refusals.append(str(missing))
            else:
                running.callback(workers[-1].end)
        for _ in range(rounds):
            for worker in workers:
                worker.round()
        for worker in workers:
            worker.tell()
        return [worker.standing for worker in workers], refusals


def peer_environment() -> dict[str, str]:
    """One thread, no network: what is measured is the work."""
    quiet = {"PYTHONWARNINGS": "ignore", "HF_HUB_OFFLINE": "1", "RUST_LOG": "warn"}
    return dict(os.environ) | ONE_THREAD | quiet
