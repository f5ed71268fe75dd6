"""Ray nodes on this machine: each a raylet with its workers in a session of its own, started, and
killed as when a machine loses power."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(ROOT),
}
"""A silent node is noticed in seconds, and test functions are found."""
STARTS = 90.0
"""Seconds, on a busy machine."""

Node = subprocess.Popen[bytes]


class Nodes:
    """A head without CPUs and nodes that join it. inside: what a command has to begin with in order
    to run on a machine of its own, as `ip netns exec NAME`."""

    def __init__(self, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.address = f"{host}:{port or free_port()}"
        self._folder = TemporaryDirectory(prefix="rn-", dir="/tmp", ignore_cleanup_errors=True)
        self._started: list[Node] = []

    def start_head(self, inside: Sequence[str] = (), host: str | None = None) -> Node:
        host = host or self.address.partition(":")[0]
        place = ["--head", f"--port={self.address.rpartition(':')[2]}", "--num-cpus=0"]
        place += [f"--node-ip-address={host}", f"--temp-dir={self._folder.name}"]
        return self._start([*inside, *RAY_START, *place, "--include-dashboard=false"])

    def start_node(self, cpus: int = 1, inside: Sequence[str] = (), host: str = "") -> Node:
        place = [f"--address={self.address}", f"--num-cpus={cpus}"]
        place += [f"--node-ip-address={host}"] if host else []
        return self._start([*inside, *RAY_START, *place])

    def wait_for(self, node: Node) -> Node:
        """Until it has started: of two that start at once, one fails."""
        log = self._log(self._started.index(node))
        deadline = time.monotonic() + STARTS
        while "Ray runtime started" not in log.read_text():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return node

    def kill(self, node: Node) -> None:
        """All its processes at once."""
        for pid in session(node.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def kill_worker(self, node: Node) -> None:
        """One that has been given work: its title says so."""
        for pid in session(node.pid):
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if title.startswith(b"ray::") and not title.startswith(
                (b"ray::IDLE", b"ray::Da", b"ray::Ru")
            ):
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError("no worker there has work")

    def close(self) -> None:
        for node in reversed(self._started):
            self.kill(node)
        self._folder.cleanup()

    def _log(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}.log"

    def _start(self, command: list[str]) -> Node:
        with self._log(len(self._started)).open("wb") as log:
            node = subprocess.Popen(
                command,
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(node)
        return node


RAY_START = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start"]
RAY_START += ["--block", "--object-store-memory=80000000"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(path.parent.name))
    return found
