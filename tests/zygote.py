"""A process that has imported the pipeline: a command line is a fork of it, which takes a tenth of
the time of a start. Arguments, environment, folder, output and exit code are the command's own.
What forks cannot show is that a result hangs on the order of a set of strings: all have one seed of
hashes. Where PYTHONHASHSEED is set, a command starts anew."""

import atexit
import gc
import json
import os
import pkgutil
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).parent.parent
ROOMS = ("cli", "engine.choice", "formats", "passes", "report", "run", "stages", "tokenizer")
LIBRARIES = ("gigatoken", "pyarrow.parquet", "tokenizers", "tqdm")
AT_START = ("PYTHON", "NUMBA_", "DOLMA_PIPE_CACHE", "XDG_", "HOME", "LANG", "LC_")
"""Beginnings of variables that are read while modules are imported, or before."""


class Zygote:
    """Forks, one after the other."""

    def __init__(self) -> None:
        script = (
            f"import sys; sys.path.insert(1, {str(ROOT)!r})\n"
            "from tests.zygote import serve; sys.path.pop(1); serve()"
        )
        self.started_with = _at_start(dict(os.environ))
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(self.end)

    def end(self) -> None:
        """There are no more commands to fork."""
        self._process.communicate()

    def run(
        self, arguments: list[str], root: Path, environment: dict[str, str], *, inline: bool
    ) -> "subprocess.CompletedProcess[str]":
        """As subprocess.run with captured output. inline: tasks run in the process itself."""
        with self._lock, TemporaryFile() as out, TemporaryFile() as err:
            places = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
            told = self._ask([arguments, str(root.absolute()), environment, inline, *places])
            return subprocess.CompletedProcess(arguments, told, _text(out), _text(err))

    def _ask(self, request: list[Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())
        except BaseException:  # a time limit: what it forked may go on for ever
            self._process.kill()
            raise

    def serves(self, environment: dict[str, str]) -> bool:
        """Whether a process that starts now would import the same in the same way."""
        return self._process.poll() is None and _at_start(environment) == self.started_with


def _at_start(environment: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(AT_START) or name.endswith("_NUM_THREADS")
    }


def _text(file: IO[bytes]) -> str:
    """With the line ends that subprocess gives."""
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def serve() -> None:
    """In the process itself: fork for each line on standard input, say the exit code."""
    for room in ROOMS:
        module = import_module(f"dolma_pipe.{room}")
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            import_module(found.name)
    for name in LIBRARIES:
        import_module(name)
    _load_kernels()
    gc.freeze()
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        if not (process := os.fork()):
            os.close(answers)
            _run(*json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(answers, f"{code}\n".encode())


def _load_kernels() -> None:
    """Those that were compiled before: numba takes over half a second for the first of a process,
    and asks its cache for each."""
    from numba.core.dispatcher import Dispatcher

    kernels = import_module("dolma_pipe.kernels")
    for found in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}."):
        for value in vars(import_module(found.name)).values():
            if isinstance(value, Dispatcher):
                for key in value._cache._cache_file._load_index():
                    value.compile(key[0])


def _run(
    arguments: list[str],
    root: str,
    environment: dict[str, str],
    inline: bool,
    out: str,
    err: str,
) -> None:
    """Be the command, and end with its exit code."""
    for place, flags, number in (
        (os.devnull, os.O_RDONLY, 0),
        (out, os.O_WRONLY, 1),
        (err, os.O_WRONLY, 2),
    ):
        opened = os.open(place, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    sys.argv = ["-c", *arguments]
    if inline:
        from dolma_pipe.engine import choice
        from tests.inline import Inline

        choice.LocalEngine = lambda _: Inline()  # type: ignore[assignment, misc]
    from dolma_pipe.cli.main import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # taking all modules down would copy the memory that is shared
