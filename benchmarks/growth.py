"""Time against size, on the worst documents that we could think of: no tagger may be quadratic.

python -m benchmarks.growth TAGGER SIZES KIND ...   prints a line of JSON for each size
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.race import ROOT, peer_environment
from benchmarks.settings import NOT_OF_TEXT, NotReady, built, variants
from dolma_pipe.batch import Batch, batch_of

MIB = 1 << 20
SIZES = (1, 4, 16, 64)
"""MiB of one document."""

ATTEMPTS = 2
ONE_IS_ENOUGH = 16 * MIB
"""Bytes from which a single attempt tells: seconds of work even out what disturbs them."""

PATIENCE = 300.0
"""Seconds to wait for one size; linear taggers need a few."""

WORST = 2.0
"""How many times the time a MiB may grow from the first size to the last."""

METADATA = {"prog_lang": "python", "url": "https://example.org/a"}
"""Of the document, for taggers that look there first."""

KINDS: dict[str, Callable[[int], str]] = {
    "one character": lambda n: "a" * n,
    "line feeds": lambda n: "\n" * n,
    "one-letter words": lambda n: "a " * (n // 2),
    "digits and dots": lambda n: "1." * (n // 2),
    "@ and :": lambda n: ("@" * 50 + ":" * 50) * (n // 100),
    "a@a@a": lambda n: "a@" * (n // 2),
    "digits and spaces": lambda n: "555 123 " * (n // 8),
    "hexadecimal and :": lambda n: "ab:" * (n // 3),
    "zero-width": lambda n: "\u200b" * (n // 3),
    "emoji sequences": lambda n: "👩‍👩‍👧‍👦" * (n // 25),
    "right to left": lambda n: "אבג דהו. " * (n // 16),
    "Chinese": lambda n: "我们都是好朋友。" * (n // 24),
    "NUL": lambda n: "\0" * n,
    "brackets": lambda n: "([{<" * (n // 4),
    "slashes": lambda n: "a/b." * (n // 4),
    "capitals": lambda n: "A B. " * (n // 5),
    "short equal lines": lambda n: "a b\n" * (n // 4),
    "different words": lambda n: " ".join(f"{i:07x}" for i in range(n // 8)),
}


def seconds(tagger: Any, loaded: Batch) -> float:
    """The best of some attempts."""
    took = []
    for _ in range(ATTEMPTS if len(loaded.text) < ONE_IS_ENOUGH else 1):
        batch = Batch(loaded.documents)
        started = time.process_time()
        tagger.tag(batch)
        took.append(time.process_time() - started)
    return min(took)


def grown(name: str, patience: float = PATIENCE, sizes: Sequence[float] = SIZES) -> dict[str, Any]:
    """Seconds by kind and size of one tagger, in a process of its own; {"refused": why}.

    A size that takes longer than `patience` is missing, and those above it.
    """
    found: dict[str, Any] = {kind: {} for kind in KINDS}
    left = list(KINDS)
    while left:
        for told in _lines(name, left, patience, sizes):
            if "refused" in told:
                return told
            found[told["kind"]][told["MiB"]] = told["seconds"]
            left = left[left.index(told["kind"]) :]
            if told["MiB"] == sizes[-1]:
                left = left[1:]
        if left:  # it has hung in this kind
            left = left[1:]
    return found


def _lines(
    name: str, kinds: Sequence[str], patience: float, sizes: Sequence[float]
) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.growth", name, json.dumps(list(sizes)), *kinds]
    environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    assert process.stdout is not None
    waiting = b""
    try:
        while select.select([process.stdout], [], [], patience)[0]:
            block = os.read(process.stdout.fileno(), 1 << 16)
            if not block:
                return
            *whole, waiting = (waiting + block).split(b"\n")
            for line in whole:
                yield json.loads(line)
    finally:
        process.kill()
        process.communicate()


def ratio(took: dict[float, float], sizes: Sequence[float] = SIZES) -> float:
    """Time a MiB at the last size against the first; infinite where the last is missing."""
    first, last = sizes[0], sizes[-1]
    if last not in took or first not in took:
        return float("inf")
    return (took[last] / last) / max(took[first] / first, 1e-9)


def all_taggers(patience: float = PATIENCE, sizes: Sequence[float] = SIZES) -> dict[str, Any]:
    """`grown` of every tagger that reads text."""
    return {
        label: grown(label, patience, sizes)
        for label, (name, _) in variants().items()
        if name not in NOT_OF_TEXT
    }


def main(name: str, sizes: str, *kinds: str) -> None:
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-growth-") as folder:
        try:
            tagger = built(name, Path(folder))
        except NotReady as missing:
            print(json.dumps({"refused": str(missing)}), flush=True)
            return
        tagger.tag(batch_of(["Compiles what is compiled at first use.", ""]))
        for kind in kinds:
            for size in json.loads(sizes):
                took = seconds(
                    tagger, batch_of([KINDS[kind](int(size * MIB))], metadata=[METADATA])
                )
                print(json.dumps({"kind": kind, "MiB": size, "seconds": took}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
