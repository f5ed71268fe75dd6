"""What runs in a worker of Ray: it makes sure that its node sees what the driver sees, then calls.

Calls and answers travel as JSON; of Python, only the name of `run` does.
"""

import os
import sys
from functools import cache
from pathlib import Path

import msgspec

from dolma_pipe import __version__
from dolma_pipe.engine.base import Outcome, Task
from dolma_pipe.engine.calling import ONE_THREAD, call
from dolma_pipe.engine.ray_settings import ray
from dolma_pipe.manifest import code_fingerprint

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Site(msgspec.Struct, frozen=True):
    """What every node must have as the driver has it.

    cwd: where relative paths start. work: the work directory. token: a file that the driver has
    just written there, None where nodes do not see it as a folder. code: fingerprint of the source.
    """

    cwd: str
    work: str
    token: str | None
    version: str
    code: str
    python: str


class Call(msgspec.Struct, frozen=True):
    """One task for a worker."""

    site: Site
    function: str
    task: Task
    attempt: int


class Answer(msgspec.Struct, frozen=True):
    """refused: why this node can run no task, one line; else how the task went."""

    refused: str | None
    outcome: Outcome | None


def site_here(work: str, token: str | None) -> Site:
    """What the driver has."""
    return Site(str(Path.cwd()), work, token, __version__, code_fingerprint(), PYTHON)


def run(message: bytes) -> bytes:
    """A Call in JSON, to an Answer in JSON."""
    asked = msgspec.json.decode(message, type=Call)
    if (refused := _refusal(asked.site)) is not None:
        return msgspec.json.encode(Answer(refused, None))
    where = f"{_node()} pid {os.getpid()}"
    return msgspec.json.encode(Answer(None, call(asked.function, asked.task, asked.attempt, where)))


@cache
def _node() -> str:
    return str(ray.util.get_node_ip_address())


@cache
def _refusal(site: Site) -> str | None:
    """Looked at once a worker, before a task's module loads a library that reads ONE_THREAD."""
    os.environ.update(ONE_THREAD)
    node = f"node {_node()}"
    if site.python != PYTHON:
        return f"{node} runs Python {PYTHON}, this machine {site.python}: use one image for all"
    if site.code != code_fingerprint():
        return (
            f"{node} has another dolma-pipe ({__version__}, here {site.version}): "
            "install the same on every node, and start Ray there again"
        )
    if not Path(site.cwd).is_dir():
        if site.token is None:
            os.chdir("/")  # where a relative path finds nothing, instead of something else
            return None
        return (
            f"{node} has no folder {site.cwd}: start the run in a folder of a file system that all "
            "nodes share, with its work directory there or on s3://"
        )
    os.chdir(site.cwd)
    if site.token is not None and not (Path(site.work) / site.token).exists():
        return (
            f"{node} does not see the work directory {site.work} of this machine: --work has to be "
            "on a file system that all nodes share, or on s3://"
        )
    return None
