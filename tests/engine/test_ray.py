"""The Ray engine on two nodes of this machine: the same bytes as local, whatever is killed."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

import ray

from dolma_pipe.engine import choice, ray_engine, ray_worker, stragglers
from dolma_pipe.engine.base import Task, TaskBug, succeed
from dolma_pipe.engine.choice import EngineChoice, new_engine
from dolma_pipe.engine.ray_engine import RayEngine
from dolma_pipe.errors import UserError
from tests.corpus import command, dolma_pipe, tree, write_corpus
from tests.engine.ray_nodes import STARTS, Node, Nodes, session

HERE = "tests.engine.ray_tasks"


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Nodes, list[Node]]]:
    nodes = Nodes()
    try:
        nodes.wait_for(nodes.start_head())
        yield nodes, [nodes.wait_for(nodes.start_node()) for _ in range(2)]
    finally:
        nodes.close()


Cluster = tuple[Nodes, list[Node]]


@pytest.fixture(scope="module")
def engine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayEngine]:
    nodes, _ = cluster
    engine = RayEngine(None, nodes.address, tmp_path_factory.mktemp("work"))
    assert engine.slots() == 2
    yield engine
    engine.close()


def tasks(count: int, **more: Any) -> list[Task]:
    return [Task(f"t{n}", {"n": n, **more}, weight=-n) for n in range(1, count + 1)]


def test_values_errors_and_where(engine: RayEngine) -> None:
    outcomes = {o.key: o for o in engine.map(f"{HERE}:double", [*tasks(4), Task("t0", {"n": 0})])}
    assert outcomes["t4"].value == {"half": 0.25, "threads": "1", "cwd": str(Path.cwd())}
    assert "pid" in outcomes["t4"].where
    error = outcomes["t3"].error
    assert error is not None
    assert (error.kind, error.text) == ("user", "three is a crowd")
    with pytest.raises(TaskBug, match=r"ray_tasks.py(.|\n)*ZeroDivisionError"):
        succeed([outcomes["t0"]])


def test_a_killed_worker_does_not_end_the_run(engine: RayEngine, tmp_path: Path) -> None:
    outcomes = list(engine.map(f"{HERE}:die", tasks(6, marker=str(tmp_path / "marker"))))
    assert sorted(o.key for o in outcomes if o.error is None) == [f"t{n}" for n in range(1, 7)]
    assert {o.key: o.attempt for o in outcomes if o.attempt > 1} == {"t2": 2}


def test_poison_is_named_and_the_rest_finishes(engine: RayEngine) -> None:
    outcomes = {o.key: o for o in engine.map(f"{HERE}:die", tasks(6), retries=2)}
    assert len(outcomes) == 6
    poison = outcomes.pop("t2")
    assert poison.error is not None
    assert (poison.error.kind, poison.error.text) == ("killed", "killed its worker 2 times")
    assert all(o.error is None and o.attempt == 1 for o in outcomes.values())


def test_of_a_straggler_and_its_twin_the_first_to_end_wins(
    engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stragglers, "PATIENCE", 1.0)
    marker = tmp_path / "marker"
    outcomes = list(engine.map(f"{HERE}:hang_once", tasks(5, marker=str(marker))))
    assert sorted(o.key for o in outcomes) == [f"t{n}" for n in range(1, 6)]
    slow = int(marker.read_text())
    twin = next(o for o in outcomes if o.key == "t2")
    assert (twin.error, twin.attempt) == (None, 1)
    assert twin.value["pid"] != slow
    until = tmp_path / "until"
    waited = engine.map(f"{HERE}:wait", tasks(60, seconds=0.2, until=str(until)))
    nodes = {o.value["node"] for o in waited}
    assert len(nodes) == 2  # its slot is free again
    assert not Path(f"/proc/{slow}").exists()


def test_a_killed_node_is_not_waited_for_and_one_that_joins_is_used(
    cluster: Cluster, engine: RayEngine, tmp_path: Path
) -> None:
    nodes, running = cluster
    until = tmp_path / "enough"
    called = tasks(400, seconds=0.5, until=str(until))
    seen: set[int] = set()
    outcomes = []
    deadline = time.monotonic() + STARTS
    for outcome in engine.map(f"{HERE}:wait", called):
        assert outcome.error is None
        assert outcome.attempt == 1  # it is not the task's fault
        outcomes.append(outcome.key)
        before = len(seen)
        seen.add(outcome.value["node"])
        if len(seen) == 2 and before == 1:
            nodes.kill(running.pop(0))
            running.append(nodes.start_node())
        if len(seen) == 3:
            until.touch()
        assert time.monotonic() < deadline
    assert sorted(outcomes) == sorted(task.key for task in called)
    assert len(seen) == 3
    while engine.slots() != 2:  # until the killed one is known to be dead
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_the_same_bytes_as_local_and_a_killed_driver_is_run_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    nodes, _ = cluster
    write_corpus(tmp_path, shards=2, count=40)
    dolma_pipe(tmp_path, "run", "mix.yaml", "--work", "local")
    on_ray = ("run", "mix.yaml", "--work", "ray", "--engine", "ray", "--address", nodes.address)
    driver = subprocess.Popen(command(*on_ray), cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + STARTS
    while not list(tmp_path.glob("ray/records/curate/*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    assert not (tmp_path / "ray/tokens").exists()
    done = dolma_pipe(tmp_path, *on_ray, "--workers", 2)
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert not [line for line in done.stderr.splitlines() if "ray" in line.lower()]
    ran_on = {
        task["where"] for task in json.loads((tmp_path / "ray/timings.json").read_text())["tasks"]
    }
    assert len(ran_on) >= 2


def busy(leader: int) -> list[bytes]:
    """The processes of a session, without two agents of Ray that look for their head a minute."""
    titles = []
    for pid in session(leader):
        with suppress(OSError):
            titles.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return [title for title in titles if title and b"Agent" not in title]


def test_without_an_address_a_cluster_is_started_that_ends_with_its_driver(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=2, count=40)
    (tmp_path / "home").mkdir()
    dolma_pipe(tmp_path, "run", "mix.yaml", "--work", "local", "--stage", "dedup")
    on_ray = ("run", "mix.yaml", "--work", "ray", "--engine", "ray", "--stage", "dedup")
    cache = os.environ.get("DOLMA_PIPE_CACHE") or str(Path.home() / ".cache" / "dolma-pipe")
    environment = os.environ | {"HOME": str(tmp_path / "home"), "DOLMA_PIPE_CACHE": cache}
    call = {"cwd": tmp_path, "env": environment, "start_new_session": True}
    driver = subprocess.Popen(command(*on_ray, "--workers", 2), stderr=subprocess.DEVNULL, **call)
    deadline = time.monotonic() + STARTS
    while not list(tmp_path.glob("ray/records/curate/*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(session(driver.pid)) > 3
    driver.kill()
    driver.wait()
    while busy(driver.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not busy(driver.pid)
    subprocess.run(command(*on_ray, "--workers", 2), check=True, capture_output=True, **call)
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert not (tmp_path / "home" / ".ray").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": "3.1"}, "runs Python"),
        ({"code": "other"}, "has another dolma-pipe"),
        ({"cwd": "/nowhere"}, "has no folder /nowhere: start the run in a folder"),
        ({"token": "absent"}, "does not see the work directory"),
        ({}, None),
        ({"cwd": "/nowhere", "token": None}, None),
    ],
)
def test_a_node_that_is_not_as_the_driver_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ray_worker.ONE_THREAD:
        monkeypatch.setenv(name, "1")
    (tmp_path / "token").touch()
    site = msgspec.structs.replace(ray_worker.site_here(".", "token"), **change)
    refused = ray_worker._refusal(site)
    assert (refused is None) == (told is None)
    assert refused is None or told in refused


@pytest.mark.parametrize(
    ("name", "address", "told"),
    [
        ("local", "auto", "--address is that of a Ray cluster: add --engine ray"),
        ("ray", "ray://head:10001", "is not auto or HOST:PORT"),
        ("ray", "head", "is not auto or HOST:PORT"),
        ("ray", "127.0.0.1:1", "no Ray cluster at --address 127.0.0.1:1: "),
        ("ray", "auto", "--address auto: no Ray cluster runs on this machine"),
    ],
)
def test_a_wrong_address_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str, told: str
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=re.escape(told)):
        new_engine(EngineChoice(name, None, address), tmp_path)


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"ray is not installed: pip install 'dolma-pipe\[ray\]'"):
        new_engine(EngineChoice("ray"), tmp_path)


def test_a_ray_that_died_beside_the_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(*_: Any, **__: Any) -> Any:
        raise ray.exceptions.LocalRayletDiedError

    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(UserError, match="Ray has died on this machine"):
        ray_engine._answer("ref")
