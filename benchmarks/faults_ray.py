"""What a run on Ray survives: each fault is made while it runs, and its bytes are compared.

    python -m benchmarks.faults_ray

Needs root: the head and two nodes have network namespaces with addresses of their own. Prints the
seconds until the run had finished, beside those of a run that nothing happens to.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.corpus import command, tree, write_corpus
from tests.engine.ray_nodes import ENVIRONMENT, Node, Nodes

BRIDGE = "dpf0"
NAMES = ("dpf-head", "dpf-a", "dpf-b")
HEAD, A, B = ("10.231.7.1", "10.231.7.2", "10.231.7.3")
ADDRESS = f"{HEAD}:6379"
SLOW = """
import time
import numpy as np
from dolma_pipe.tagger import Tagger

class Slow(Tagger):
    \"\"\"Takes its time.\"\"\"
    def columns(self):
        return ("n",)

    def tag(self, batch):
        time.sleep(3)
        return {"n": np.zeros(len(batch))}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def inside(name: str) -> list[str]:
    return ["ip", "netns", "exec", name]


def build_network() -> None:
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("link", "set", BRIDGE, "up")
    for name, host in zip(NAMES, (HEAD, A, B), strict=True):
        ip("netns", "add", name)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", name, "master", BRIDGE, "up")
        ip("-n", name, "addr", "add", f"{host}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")


def remove_network() -> None:
    for name in NAMES:
        for kind in ("link", "netns"):
            subprocess.run(["ip", kind, "del", name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, stderr=subprocess.DEVNULL)


class Scene:
    """A cluster, and a driver beside its head."""

    def __init__(self, root: Path, work: str) -> None:
        self.root = root
        self.work = work
        self.nodes = Nodes(HEAD, 6379)
        self.head = self.nodes.wait_for(self.nodes.start_head(inside(NAMES[0])))
        self.a = self.nodes.wait_for(self.start(1))
        self.b = self.nodes.wait_for(self.start(2))
        self.driver = self.drive()

    def start(self, number: int) -> Node:
        return self.nodes.start_node(1, inside(NAMES[number]), (HEAD, A, B)[number])

    def drive(self) -> Node:
        ray = ("--engine", "ray", "--address", ADDRESS)
        told = (self.root / f"{self.work}.log").open("ab")
        call = [*inside(NAMES[0]), *command("run", "mix.yaml", "--work", self.work, *ray)]
        return subprocess.Popen(
            call, cwd=self.root, env=os.environ | ENVIRONMENT, stdout=told, stderr=told
        )

    def under_way(self) -> None:
        """Until two shards are curated."""
        while len(list(self.root.glob(f"{self.work}/records/curate/*/*"))) < 2:
            if self.driver.poll() is not None:
                raise SystemExit((self.root / f"{self.work}.log").read_text())
            time.sleep(0.1)


def nothing(_scene: Scene) -> None:
    pass


def worker_killed(scene: Scene) -> None:
    scene.nodes.kill_worker(scene.a)


def node_killed(scene: Scene) -> None:
    scene.nodes.kill(scene.a)


def node_joins(scene: Scene) -> None:
    scene.nodes.kill(scene.a)
    scene.a = scene.start(1)


def silent_partition(_scene: Scene) -> None:
    ip("link", "set", NAMES[1], "nomaster")


def driver_killed(scene: Scene) -> None:
    scene.driver.kill()
    scene.driver.wait()
    scene.driver = scene.drive()


def head_killed(scene: Scene) -> None:
    """The driver is ended by Ray after a minute; a new cluster goes on."""
    scene.nodes.kill(scene.head)
    scene.driver.wait()
    scene.nodes.kill(scene.a)
    scene.nodes.kill(scene.b)
    scene.head = scene.nodes.wait_for(scene.nodes.start_head(inside(NAMES[0])))
    scene.a = scene.nodes.wait_for(scene.start(1))
    scene.driver = scene.drive()


FAULTS: tuple[Callable[[Scene], None], ...] = (
    nothing,
    worker_killed,
    node_killed,
    node_joins,
    silent_partition,
    driver_killed,
    head_killed,
)


def measure(fault: Callable[[Scene], None], root: Path, expected: dict[str, str]) -> bool:
    """Run once with the fault; print a line."""
    remove_network()
    build_network()
    scene = Scene(root, fault.__name__)
    try:
        started = time.monotonic()
        scene.under_way()
        fault(scene)
        ended = scene.driver.wait(600)
        seconds = time.monotonic() - started
        same = ended == 0 and tree(root / scene.work) == expected
        name = fault.__name__.replace("_", " ")
        print(f"{name:20} {seconds:8.0f}  {'yes' if same else f'NO (exit {ended})'}", flush=True)
        return same
    finally:
        if scene.driver.poll() is None:
            scene.driver.send_signal(signal.SIGKILL)
        scene.nodes.close()
        remove_network()


def main() -> None:
    chosen = [fault for fault in FAULTS if not sys.argv[1:] or fault.__name__ in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        root = Path(folder)
        write_corpus(root, shards=6, count=20)
        recipe = (root / "mix.yaml").read_text()
        (root / "slow.py").write_text(SLOW)
        (root / "mix.yaml").write_text(recipe.replace("[gopher,", "[./slow.py, gopher,"))
        locally = command("run", "mix.yaml", "--work", "local")
        subprocess.run(locally, cwd=root, check=True, capture_output=True)
        expected = tree(root / "local")
        print("fault                 seconds  same bytes", flush=True)
        results = [measure(fault, root, expected) for fault in chosen]
        if not all(results):
            sys.exit(1)


if __name__ == "__main__":
    main()
