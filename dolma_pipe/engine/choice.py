"""Which engine runs the tasks, as the command line says it."""

import os
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from dolma_pipe.engine.base import Engine
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.engine.stopping import grace
from dolma_pipe.errors import UserError

EngineName = Literal["local"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


class EngineChoice(NamedTuple):
    """workers: processes on this machine, None for one a core. address: of a cluster that runs."""

    name: str = "local"
    workers: int | None = None
    address: str | None = None


def new_engine(choice: EngineChoice, root: Path) -> Engine:  # noqa: ARG001
    """The engine of a run in the work directory root."""
    grace()  # a wrong one is told now, not when SIGTERM comes
    if choice.name == "local":
        return LocalEngine(choice.workers or cores())
    raise UserError(f"unknown engine '{choice.name}' (known: {', '.join(ENGINES)})")


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
