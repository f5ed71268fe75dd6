"""A Ray cluster: one that is started on this machine for a run, or one that runs already."""

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dolma_pipe.engine.ray_settings import ray
from dolma_pipe.engine.stopping import Terminated
from dolma_pipe.errors import ClusterLost, UserError
from dolma_pipe.settings import one_line

HERE = {"RAY_worker_niceness": "0"}
"""Of a cluster on this machine: its workers are as nice as local ones."""
FOLDERS = Path("/tmp")
"""Not TMPDIR: the names of sockets may have a hundred bytes in all."""
PREFIX = "dolma-pipe-ray-"
_TOKEN = secrets.token_hex(32)
OBJECT_STORE = 100 << 20
"""Bytes on this machine: of a task only its counts go through it."""
RE_READ = 3.0
"""Seconds until the nodes are looked at again."""
LISTENS = 10.0
"""Seconds for the head of a cluster to take a connection."""
NO_SLOTS = 900.0
"""Seconds that a cluster may be without a CPU: new machines take minutes."""


class RayCluster:
    """Started, or connected to, by `start`; ended, or left alone, by `stop`.

    workers: the most tasks at a time; on this machine, its size. address: None for this machine.
    """

    def __init__(self, workers: int | None, address: str | None) -> None:
        self._workers = workers
        self._address = address
        self._started = False
        self._folder: str | None = None
        self._environment: dict[str, str | None] = {}
        self._nodes: list[dict[str, float]] = []
        self._read_at = 0.0
        self._seen_at = 0.0

    def start(self) -> None:
        """Unless it has been. Raises UserError where no cluster can be had."""
        if self._started:
            return
        settings: dict[str, Any] = {"address": self._address}
        if self._address is not None:
            check_address(self._address)
        else:
            # A token for this run alone: Ray would leave one in ~/.ray, for which every later
            # cluster is asked.
            self._set({"RAY_AUTH_TOKEN": _TOKEN, **HERE})
            _sweep()
            self._folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=FOLDERS)
            settings = {
                "address": "local",
                "num_cpus": self._workers,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": self._folder,
            }
        try:
            with _our_sigterm(), _silent():
                # of each worker that dies Ray would print a paragraph, among our own output
                ray._private.worker.print_to_stdstream = lambda *_, **__: None
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **settings)
        except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
            self.stop()
            raise UserError(self._told(error)) from error
        except BaseException:
            self.stop()
            raise
        self._started = True
        self._seen_at = time.monotonic()

    def stop(self) -> None:
        """End workers that are ours, and all of Ray where we have started it."""
        with _our_sigterm(), _silent():
            ray.shutdown()
        self._started = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._environment.clear()

    def slots(self, cpus: float = 1, gpus: float = 0) -> int:
        """How many such tasks run at the same time on the nodes that there are now."""
        found = 0
        for node in self._alive():
            fit = node.get("CPU", 0.0) // cpus
            found += int(min(fit, node.get("GPU", 0.0) // gpus) if gpus else fit)
        if found:
            self._seen_at = time.monotonic()
        elif time.monotonic() - self._seen_at > NO_SLOTS:
            raise ClusterLost(
                f"no node of the Ray cluster can run a task, for {NO_SLOTS:.0f} seconds"
            )
        return min(found, self._workers) if self._workers else found

    def most(self, resource: str) -> float:
        """Of a resource ("CPU", "memory" in bytes) on the node that has the most of it."""
        return max((node.get(resource, 0.0) for node in self._alive()), default=0.0)

    def _alive(self) -> list[dict[str, float]]:
        if not self._nodes or time.monotonic() - self._read_at > RE_READ:
            self._nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            self._read_at = time.monotonic()
        return self._nodes

    def _set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self._environment.setdefault(name, os.environ.get(name))
            if name not in os.environ:
                os.environ[name] = value

    def _told(self, error: Exception) -> str:
        told = one_line(error)[:300]
        if self._address is None:
            return f"Ray cannot be started on this machine: {told}"
        return f"cannot join the Ray cluster at --address {self._address}: {told}"


def check_address(address: str) -> None:
    """Raise UserError where nobody listens: Ray itself would try for minutes."""
    place = address
    if address == "auto":
        folder = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray"
        with suppress(OSError):
            place = (folder / "ray_current_cluster").read_text().strip()
        place = os.environ.get("RAY_ADDRESS") or place
        if place == "auto":
            raise UserError("--address auto: no Ray cluster runs on this machine (`ray start`)")
    host, _, port = place.rpartition(":")
    if "/" in place or not host or not port.isdigit():
        raise UserError(
            f"--address {place} is not auto or HOST:PORT, said on a machine of the cluster (from "
            "elsewhere, `ray job submit` a command with --address auto)"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LISTENS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"no Ray cluster at --address {place}: {one_line(error)}") from error


def _sweep() -> None:
    """Remove what drivers of ours have left that were killed."""
    for folder in FOLDERS.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            if pid.isdigit() and folder.stat().st_uid == os.getuid():
                try:
                    os.kill(int(pid), 0)
                except ProcessLookupError:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _silent() -> Iterator[None]:
    """What Ray's own code writes to the terminal, line by line for minutes, goes nowhere: an
    exception says it once."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


@contextmanager
def _our_sigterm() -> Iterator[None]:
    """Ray sets a handler of its own, which ends the driver with another code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as end:  # from Ray's
        raise Terminated from end
    finally:
        signal.signal(signal.SIGTERM, ours)
