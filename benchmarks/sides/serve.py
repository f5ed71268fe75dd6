"""The process of one side: load, warm up, then work a round whenever the benchmark says "go".

    python -m benchmarks.sides.serve MODULE:CLASS DOCUMENTS.jsonl ARGUMENTS.json

Runs in a peer's environment too: nothing but the standard library. A side is a class:

    Side(texts, **arguments)   loads once: models, and the documents in the form that the tool wants
    ready()                    before each round, not timed: forget what the round before has learnt
    run()                      timed: the work
    told(what run returned)    for people and checks: JSON, not timed
"""

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

WARM_UP = 8
"""Documents for the warm-up: compiles what is compiled at first use."""


def main(side: str, documents: str, arguments: str) -> None:
    """Answer "go" with a round's seconds, "tell PATH" by writing its result, until stdin ends."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with Path(documents).open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    module, name = side.split(":")
    build: Callable[..., Any] = getattr(importlib.import_module(module), name)
    settings = json.loads(Path(arguments).read_text(encoding="utf-8"))
    few = build(texts[:WARM_UP], **settings)
    few.ready()
    few.told(few.run())
    worker = build(texts, **settings)
    _say(channel)
    result = None
    for line in sys.stdin:
        order, _, path = line.strip().partition(" ")
        if order == "go":
            result = None  # the last one would count as memory of this round
            worker.ready()
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            result = worker.run()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            _say(channel, cpu=cpu, wall=wall, peak=_peak())
        else:
            Path(path).write_text(json.dumps(worker.told(result)), encoding="utf-8")
            _say(channel)


def _peak() -> int:
    """Bytes; 0 where there is no /proc. (ru_maxrss counts what the parent had when it forked.)"""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _say(channel: TextIO, **facts: float) -> None:
    print(json.dumps(facts), file=channel, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
