"""Which engine runs the tasks, as the command line says it."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from dolma_pipe.engine.array import ArrayEngine, member, serve
from dolma_pipe.engine.base import Engine
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.engine.stopping import grace
from dolma_pipe.errors import MissingExtra, UserError

EngineName = Literal["local", "ray", "array"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


class EngineChoice(NamedTuple):
    """workers: tasks at a time, None for one a core. address: of a Ray cluster that runs."""

    name: str = "local"
    workers: int | None = None
    address: str | None = None


def new_engine(
    choice: EngineChoice, root: Path, say: Callable[[str], None] = lambda _: None
) -> Engine:
    """The engine of a run in the work directory root; say: to who watches the run.

    Raises UserError where it cannot be had.
    """
    grace()  # a wrong one is told now, not when SIGTERM comes
    if choice.address is not None and choice.name != "ray":
        raise UserError("--address is that of a Ray cluster: add --engine ray")
    if choice.name == "ray":
        if find_spec("ray") is None:
            raise MissingExtra("ray", "ray")
        from dolma_pipe.engine.ray_engine import RayEngine

        return RayEngine(choice.workers, choice.address, root)
    local = LocalEngine(choice.workers or cores())
    if choice.name == "local":
        return local
    if choice.name == "array":
        me = member()
        if me.rank:
            raise UserError(f"rank {me.rank} has no share of this command: start it as one process")
        return ArrayEngine(me, local, root, say)
    raise UserError(f"unknown engine '{choice.name}' (known: {', '.join(ENGINES)})")


def has_only_a_share(choice: EngineChoice) -> bool:
    """Whether another process drives the run, and this one does its share of the tasks."""
    return choice.name == "array" and member().rank > 0


def do_share(choice: EngineChoice, root: Path) -> None:
    """The share of this process, until the run in the work directory root has ended."""
    local = LocalEngine(choice.workers or cores())
    try:
        serve(member(), local, root)
    finally:
        local.close()


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
