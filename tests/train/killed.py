"""Kill -9 at every moment: before each thing that a function does to files, with what it has not
synced torn, as a power cut would leave it.

Runs as a process of its own, which forks: python -m tests.train.killed module function folder.
"""

import os
import shutil
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.fsync"}


def killed_at_every_moment(module: str, function: str, given: Path, out: Path) -> list[Path]:
    """Copies of the folder `given` as function(copy) left them when it was killed before its first,
    second ... event; the last one is whole."""
    command = [sys.executable, "-m", "tests.train.killed", module, function, str(given), str(out)]
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, *sys.path])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(out.iterdir())


def main() -> None:
    module, function, given, out = sys.argv[1:]
    act = getattr(import_module(module), function)
    for moment in range(1000):
        folder = Path(out) / f"{moment:04}"
        shutil.copytree(given, folder)
        if (child := os.fork()) == 0:
            act_until(moment, folder, act)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.waitstatus_to_exitcode(status) == 0:
            return
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    raise AssertionError("it has more than 1,000 moments")


def act_until(moment: int, folder: Path, act: Any) -> None:
    safe = {path.stat().st_ino for path in files(folder)}
    left, sync = moment, os.fsync

    def fsync(place: int) -> None:
        sys.audit("os.fsync", place)
        sync(place)
        safe.add(os.fstat(place).st_ino)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in EVENTS or (event == "open" and not writes(folder, arguments)):
            return
        left -= 1
        if left < 0:
            tear(folder, safe)
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync
    sys.addaudithook(heard)
    act(folder)


def writes(folder: Path, arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    inside = isinstance(path, str | os.PathLike) and str(path).startswith(str(folder))
    return inside and bool(flags & (os.O_WRONLY | os.O_RDWR))


def tear(folder: Path, safe: set[int]) -> None:
    """Halve the files that may not be on disk."""
    for path in files(folder):
        if path.stat().st_ino not in safe:
            os.truncate(path, path.stat().st_size // 2)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


if __name__ == "__main__":
    main()
