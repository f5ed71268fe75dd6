"""Run a command and tell what it cost, all its workers counted.

python -m benchmarks.process LOG COMMAND...
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """CPU and wall in seconds; peak: bytes of memory of the largest process."""

    cpu: float
    wall: float
    peak: int

    def plus(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak))

    def less(self, start_up: "Cost") -> "Cost":
        """Without what it costs to start."""
        return Cost(
            max(self.cpu - start_up.cpu, 0.0), max(self.wall - start_up.wall, 0.0), self.peak
        )


class CommandFailed(Exception):
    """A command ended with an error: its last lines."""


def cost_of(
    command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
) -> Cost:
    """Run to the end in `folder`; output goes to `log`. Raises CommandFailed.

    A small process of its own starts the command: the peak that the system tells of a process
    counts what its parent had when it forked.
    """
    watcher = [sys.executable, str(Path(__file__).resolve()), str(log), *command]
    done = subprocess.run(
        watcher, env=dict(environment), cwd=folder, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    if code := told.pop("code"):
        tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise CommandFailed(f"{' '.join(command[:4])} ... exited with {code}: {' | '.join(tail)}")
    return Cost(**told)


def main(log: str, *command: str) -> None:
    """Print what the command cost, and its exit code, as JSON."""
    with Path(log).open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    code = process.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024)
    print(json.dumps({"code": code, **cost._asdict()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
