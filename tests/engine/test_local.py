"""The local engine: results, errors, killed workers, poison, and workers that end with their
driver."""

import _thread
import os
import signal
import subprocess
import sys
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.engine import peak, stopping
from dolma_pipe.engine.base import Task, TaskBug, succeed
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.engine.workers import Workers
from dolma_pipe.errors import UserError

HERE = __name__


def double(args: dict[str, Any]) -> dict[str, Any]:
    return {"twice": 2 * args["n"], "threads": os.environ["OMP_NUM_THREADS"]}


def fail(args: dict[str, Any]) -> dict[str, Any]:
    if args["n"] == 3:
        raise UserError("three is a crowd")
    return {"divided": 1 / args["n"]}


def die_once(args: dict[str, Any]) -> dict[str, Any]:
    if args["n"] == 2 and not (marker := Path(args["marker"])).exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": args["n"]}


def die_always(args: dict[str, Any]) -> dict[str, Any]:
    if args["n"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": args["n"]}


@pytest.fixture
def engine() -> Any:
    engine = LocalEngine(2)
    yield engine
    engine.close()


def tasks(count: int, **more: Any) -> list[Task]:
    return [Task(f"t{n}", {"n": n, **more}) for n in range(1, count + 1)]


def test_values_and_one_thread_a_worker(engine: LocalEngine) -> None:
    values = succeed(engine.map(f"{HERE}:double", tasks(5)))
    assert values == {f"t{n}": {"twice": 2 * n, "threads": "1"} for n in range(1, 6)}


def test_errors_tell_whose_they_are(engine: LocalEngine) -> None:
    outcomes = {o.key: o for o in engine.map(f"{HERE}:fail", [*tasks(3), Task("t0", {"n": 0})])}
    assert outcomes["t1"].value == {"divided": 1.0}
    assert outcomes["t3"].error is not None
    assert (outcomes["t3"].error.kind, outcomes["t3"].error.text) == ("user", "three is a crowd")
    assert outcomes["t0"].error is not None
    assert outcomes["t0"].error.kind == "bug"
    with pytest.raises(TaskBug, match="ZeroDivisionError"):
        succeed([outcomes["t0"]])
    with pytest.raises(UserError, match=r"^three is a crowd$"):
        succeed([outcomes["t3"]])


def test_a_killed_worker_does_not_end_the_run(engine: LocalEngine, tmp_path: Path) -> None:
    values = succeed(engine.map(f"{HERE}:die_once", tasks(8, marker=str(tmp_path / "marker"))))
    assert values == {f"t{n}": {"n": n} for n in range(1, 9)}


def test_poison_is_isolated_and_named_and_the_rest_finishes(engine: LocalEngine) -> None:
    outcomes = {o.key: o for o in engine.map(f"{HERE}:die_always", tasks(8), retries=2)}
    assert len(outcomes) == 8
    poison = outcomes.pop("t2")
    assert poison.error is not None
    assert poison.error.text == "killed its worker 2 times"
    assert all(o.error is None for o in outcomes.values())


def leave_a_mark(args: dict[str, Any]) -> None:
    (Path(args["folder"]) / str(args["n"])).touch()


def test_tasks_are_handed_out_as_outcomes_are_taken(engine: LocalEngine, tmp_path: Path) -> None:
    outcomes = engine.map(f"{HERE}:leave_a_mark", tasks(20, folder=str(tmp_path)))
    next(outcomes)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 4
    assert len(list(outcomes)) == 19


def test_after_sigterm_no_task_is_handed_out(engine: LocalEngine, tmp_path: Path) -> None:
    ended = []
    with stopping.obeyed():
        outcomes = engine.map(f"{HERE}:leave_a_mark", tasks(20, folder=str(tmp_path)))
        ended.append(next(outcomes))
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(stopping.Terminated):
            ended.extend(outcomes)
        with pytest.raises(stopping.Terminated):
            next(engine.map(f"{HERE}:leave_a_mark", tasks(20, folder=str(tmp_path))))
        with pytest.raises(stopping.Terminated):  # nobody waits for a loop that has ended
            os.kill(os.getpid(), signal.SIGTERM)
    assert sorted(f"t{path.name}" for path in tmp_path.iterdir()) == sorted(o.key for o in ended)
    assert len(ended) <= 4
    assert len(list(engine.map(f"{HERE}:double", tasks(2)))) == 2


def die_when_told(args: dict[str, Any]) -> None:
    os.kill(int(args["driver"]), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_after_sigterm_is_not_replaced(engine: LocalEngine) -> None:
    with stopping.obeyed(), pytest.raises(stopping.Terminated):
        list(engine.map(f"{HERE}:die_when_told", tasks(20, driver=os.getpid())))


DRIVER = """
import sys, time
from dolma_pipe.engine.base import Task
from dolma_pipe.engine.local import LocalEngine
if __name__ == "__main__":
    engine = LocalEngine(2)
    print(*sorted(o.where.split()[1] for o in engine.map("os:getpid", [])), flush=True)
    list(engine.map("time:sleep", [Task("a", 600.0), Task("b", 600.0)]))
"""


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_workers_end_with_a_killed_driver(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, script], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(workers := children(driver.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)  # two workers and multiprocessing's resource tracker
    assert len(workers) == 3
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def allocate(args: dict[str, Any]) -> dict[str, Any]:
    held = b"x" * (args["n"] << 20)  # written to, so that it is resident
    return {"held": len(held)}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells it by task")
def test_the_peak_of_a_task_is_its_own() -> None:
    engine = LocalEngine(1)
    sizes = {"small": 1, "large": 200, "small again": 1}
    try:
        peaks = {
            o.key: o
            for key, n in sizes.items()
            for o in engine.map(f"{HERE}:allocate", [Task(key, {"n": n})])
        }
    finally:
        engine.close()
    assert len({outcome.where for outcome in peaks.values()}) == 1
    assert {outcome.peak_of for outcome in peaks.values()} == {"task"}
    assert peaks["large"].peak_bytes > 200 << 20
    assert peaks["large"].peak_bytes - peaks["small again"].peak_bytes > 150 << 20
    assert abs(peaks["small again"].peak_bytes - peaks["small"].peak_bytes) < 50 << 20


def test_without_a_reset_the_peak_is_that_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peak, "_CLEAR_REFS", tmp_path / "none" / "clear_refs")
    assert peak.reset_peak() == "worker"
    assert peak.peak_bytes("worker") > 10 << 20


def test_an_interrupt_waits_until_a_worker_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it comes: the system may hand it to a thread that does not block it."""
    workers, started = Workers(1), SpawnProcess.start

    def interrupted(process: SpawnProcess) -> None:
        _thread.interrupt_main()
        started(process)

    monkeypatch.setattr(SpawnProcess, "start", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's is none
    try:
        with pytest.raises(KeyboardInterrupt):
            workers.submit(f"{HERE}:double", Task("t", {"n": 1}), 1)
        [process] = workers._context.processes
        assert process.is_alive()
    finally:
        signal.signal(signal.SIGINT, before)
        workers.end()


def test_handlers_come_back_where_one_raises_before_it_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, handlers = Workers(1), [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    replace = signal.signal

    def interrupted(number: int, handler: Any) -> Any:
        if number == signal.SIGTERM:
            monkeypatch.undo()
            raise stopping.Terminated
        return replace(number, handler)

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(stopping.Terminated):
        workers.submit(f"{HERE}:double", Task("t", {"n": 1}), 1)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
    workers.end()


def test_workers_end_where_one_could_not_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(1)

    def refused(_process: SpawnProcess) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(SpawnProcess, "start", refused)
    with pytest.raises(BlockingIOError):
        workers.submit(f"{HERE}:double", Task("t", {"n": 1}), 1)
    workers.end()
