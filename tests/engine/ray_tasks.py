"""Task functions of the tests of engines, importable on every node."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from dolma_pipe.errors import UserError


def double(args: dict[str, Any]) -> dict[str, Any]:
    if args["n"] == 3:
        raise UserError("three is a crowd")
    threads = os.environ["NUMBA_NUM_THREADS"]
    return {"half": 1 / args["n"], "threads": threads, "cwd": str(Path.cwd())}


def die(args: dict[str, Any]) -> dict[str, Any]:
    """Task 2 kills its worker, with a marker only once."""
    marker = Path(args["marker"]) if "marker" in args else None
    if args["n"] == 2 and (marker is None or not marker.exists()):
        if marker is not None:
            marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": args["n"]}


def wait(args: dict[str, Any]) -> dict[str, Any]:
    """Some time, or until a file is there; says which node it ran on."""
    deadline = time.monotonic() + args["seconds"]
    while time.monotonic() < deadline and not Path(args["until"]).exists():
        time.sleep(0.05)
    return {"node": os.getppid()}


def hang_once(args: dict[str, Any]) -> dict[str, Any]:
    """Task 2, which starts early, hangs where it runs first."""
    marker = Path(args["marker"])
    if args["n"] == 2 and not marker.exists():
        marker.write_text(str(os.getpid()))
        time.sleep(600)
    return {"n": args["n"], "pid": os.getpid()}
