"""`python -m benchmarks.search FILE.jsonl.zst...`: searching beside `zstd -dc | grep` and a loop in
Python over json.loads.

CPU seconds and wall seconds of whole commands, start-up apart (measured on an empty file); the same
files, the same number of documents. grep sees lines and not texts: it finds what stands in another
field, too, and nothing that is escaped.
"""

import os
import re
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import zstandard

from benchmarks.process import Cost, cost_of
from benchmarks.race import ROOT, peer_environment
from benchmarks.results import machine
from benchmarks.tables import table
from dolma_pipe.search.table import ENOUGH

ROUNDS = 3
OURS = "from dolma_pipe.cli.main import main; main()"
LOOP = """
import io, json, re, sys, zstandard
pattern, found = re.compile(sys.argv[1]), 0
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        for line in io.BufferedReader(stream, 1 << 20):
            found += pattern.search(json.loads(line)["text"]) is not None
print(found)
"""


class Looked(NamedTuple):
    """A search, and how grep is asked for it."""

    name: str
    ours: tuple[str, ...]
    python: str
    grep: str | None


SEARCHES = (
    Looked("words", ("--text", "climate change"), "climate change", "-F 'climate change'"),
    Looked("words, any case", ("--text", "climate change", "-i"), "(?i)climate change", None),
    Looked("not there", ("--text", "qzxjv wqk"), "qzxjv wqk", "-F 'qzxjv wqk'"),
    Looked("one in two documents", ("--text", "with"), "with", "-F with"),
    Looked(
        "alternatives",
        ("--regex", r"\b(climate|weather) chang\w+"),
        r"\b(climate|weather) chang\w+",
        r"-P '\b(climate|weather) chang\w+'",
    ),
    Looked("no string to look for", ("--regex", r"\d{9}"), r"\d{9}", "-E '[0-9]{9}'"),
)


def sides(looked: Looked, files: list[str]) -> dict[str, list[str]]:
    """Commands by name."""
    python = [sys.executable, "-c"]
    told = {
        "ours": [*python, OURS, "search", *files, *looked.ours, "--count", "--workers", "1"],
        "json loop": [*python, LOOP, looked.python, *files],
    }
    if looked.grep is not None:
        line = f"zstd -dc {shlex.join(files)} | LC_ALL=C.UTF-8 grep -c {looked.grep} || true"
        told["grep"] = ["bash", "-c", line]
    return told


def measured(command: list[str], empty: list[str], scratch: Path) -> tuple[Cost, int]:
    """The median of some rounds without start-up, and how many documents were found."""
    log = scratch / "log"
    start_up = min(cost_of(empty, peer_environment(), log, ROOT) for _ in range(2))
    costs = [cost_of(command, peer_environment(), log, ROOT).less(start_up) for _ in range(ROUNDS)]
    rows = r"^(?: *[\d,]+ +([\d,]+) +[\d,]+  \S.*|([\d,]+))$"  # the last of our table, or a number
    *_, (in_table, alone) = re.findall(rows, log.read_text(encoding="utf-8"), re.MULTILINE)
    found = int((in_table or alone).replace(",", ""))
    cpu, wall = (statistics.median(cost[i] for cost in costs) for i in (0, 1))
    return Cost(cpu, wall, max(cost.peak for cost in costs)), found


def rows(files: list[str], megabytes: float, scratch: Path) -> list[tuple[str, ...]]:
    """A row a search and a side."""
    nothing = scratch / "nothing.jsonl.zst"
    nothing.write_bytes(zstandard.compress(b'{"id": "a", "text": ""}\n'))
    blank = scratch / "blank.jsonl"  # large enough that kernels are started
    blank.write_bytes((b" " * (1 << 20) + b"\n") * (ENOUGH >> 20))
    told = []
    for looked in SEARCHES:
        empty = sides(looked, [str(nothing)]) | {"ours": sides(looked, [str(blank)])["ours"]}
        ours: Cost | None = None
        for name, command in sides(looked, files).items():
            cost, found = measured(command, empty[name], scratch)
            ours = ours or cost
            told.append(
                (
                    looked.name if name == "ours" else "",
                    name,
                    f"{found:,}",
                    f"{megabytes / max(cost.cpu, 1e-3):,.0f}",
                    f"{megabytes / max(cost.wall, 1e-3):,.0f}",
                    f"{cost.cpu / ours.cpu:.1f} x",
                    f"{cost.peak / 1e6:.0f} MB",
                )
            )
    return told


def main(*files: str) -> None:
    """Print the table."""
    paths = [os.path.realpath(file) for file in files]
    size = 0
    for path in paths:
        with Path(path).open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            while piece := reader.read(1 << 20):
                size += len(piece)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-benchmarks-") as scratch:
        head = ("search", "", "documents", "MB/s a core", "MB/s wall", "CPU", "peak")
        print(machine() + "\n\n" + f"{size / 1e6:,.0f} MB of JSONL, {len(paths)} files, zstd.\n")
        print(table(head, rows(paths, size / 1e6, Path(scratch))))


if __name__ == "__main__":
    main(*sys.argv[1:])
