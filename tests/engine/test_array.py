"""The array engine: shares of ranks, ranks that never come, start again or speak another version,
and a run of three ranks with the bytes of a local one."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.engine import array
from dolma_pipe.engine.array import ArrayEngine, Member, member, serve
from dolma_pipe.engine.base import Outcome, Task, succeed
from dolma_pipe.errors import UserError
from tests.corpus import decided, dolma_pipe, write_corpus
from tests.inline import Inline

DOUBLE = f"{__name__}:double"
TASKS = [Task(f"t{n}", {"n": n}) for n in range(7)]
ALL = {f"t{n}": 2 * n for n in range(7)}


def double(args: dict[str, Any]) -> int:
    if folder := args.get("folder"):
        (Path(folder) / f"{args['n']}-{threading.current_thread().name}").touch()
    return 2 * int(args["n"])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array, "POLL", 0.01)
    monkeypatch.setattr(array, "PATIENCE", 0.2)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def driver(tmp_path: Path, said: list[str]) -> Iterator[ArrayEngine]:
    engine = ArrayEngine(Member("job", 0, 3), Inline(), tmp_path, said.append)
    yield engine
    engine.close()


def serving(rank: int, root: Path) -> threading.Thread:
    thread = threading.Thread(
        target=serve, args=(Member("job", rank, 3), Inline(), root), name=f"rank{rank}"
    )
    thread.start()
    return thread


def test_every_rank_does_its_share_and_no_other(tmp_path: Path, driver: ArrayEngine) -> None:
    done = tmp_path / "done"
    done.mkdir()
    others = [serving(rank, tmp_path) for rank in (1, 2)]
    tasks = [Task(f"t{n}", {"n": n, "folder": str(done)}) for n in range(7)]
    for _ in range(2):  # a second list of the same run
        assert succeed(driver.map(DOUBLE, tasks)) == ALL
    driver.close()
    for thread in others:
        thread.join(10)
        assert not thread.is_alive()
    by_rank = {path.name.partition("-")[::2] for path in done.iterdir()}
    assert {n for n, who in by_rank if who == "rank1"} == {"1", "4"}
    assert {n for n, who in by_rank if who == "rank2"} == {"2", "5"}
    assert not list((tmp_path / "array").rglob("*/*/*"))  # nothing is left but now.json


def test_the_share_of_a_rank_that_never_comes_is_done_by_the_first(driver: ArrayEngine) -> None:
    assert succeed(driver.map(DOUBLE, TASKS)) == ALL


def test_a_rank_that_was_absent_is_not_waited_for_again(
    tmp_path: Path, driver: ArrayEngine, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is heard of."""
    succeed(driver.map(DOUBLE, TASKS))
    assert [line.partition(":")[0] for line in said] == [
        "nothing comes from rank 1",
        "nothing comes from rank 2",
    ]
    monkeypatch.setattr(array, "PATIENCE", 60.0)
    started = time.monotonic()
    assert succeed(driver.map(DOUBLE, TASKS)) == ALL
    assert time.monotonic() - started < array.PATIENCE
    assert driver._absent == {1, 2}
    outcomes = driver.map(DOUBLE, TASKS)
    first = next(outcomes)
    now = array._read_now(tmp_path / "array" / "job")
    assert now is not None
    folder = array._outcomes_of(tmp_path / "array" / "job", now)
    for n in (1, 4):
        array.write_json(folder / f"{n}.json", {**array.msgspec.to_builtins(first), "key": f"t{n}"})
    assert {outcome.key for outcome in [first, *outcomes]} == set(ALL)
    assert driver._absent == {2}


def test_ranks_are_told_that_the_first_has_failed(tmp_path: Path, driver: ArrayEngine) -> None:
    driver.give_up()
    driver.close()
    with pytest.raises(UserError, match="rank 1: rank 0 has failed"):
        serve(Member("job", 1, 3), Inline(), tmp_path)


def test_a_rank_that_starts_again_does_what_is_missing(
    tmp_path: Path, driver: ArrayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array, "PATIENCE", 60.0)
    done = tmp_path / "done"
    done.mkdir()
    outcomes = driver.map(DOUBLE, [Task(f"t{n}", {"n": n, "folder": str(done)}) for n in range(7)])
    first = next(outcomes)
    now = array._read_now(tmp_path / "array" / "job")
    assert now is not None
    folder = array._outcomes_of(tmp_path / "array" / "job", now)
    array.write_json(folder / "1.json", {**array.msgspec.to_builtins(first), "key": "t1"})
    others = [serving(rank, tmp_path) for rank in (1, 2)]
    assert {outcome.key for outcome in [first, *outcomes]} == set(ALL)
    driver.close()
    for thread in others:
        thread.join(10)
    names = {path.name for path in done.iterdir()}
    assert "4-rank1" in names
    assert "1-rank1" not in names


def test_a_rank_of_another_version_stops(
    tmp_path: Path, driver: ArrayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(driver.map(DOUBLE, TASKS))
    monkeypatch.setattr(array, "code_fingerprint", lambda: "another")
    with pytest.raises(UserError, match=r"rank 1 on .* has another version"):
        serve(Member("job", 1, 3), Inline(), tmp_path)


def test_ranks_give_up_when_the_first_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array, "SILENCE", 0.1)
    with pytest.raises(UserError, match="rank 0 gives no sign of life"):
        serve(Member("job", 1, 3), Inline(), tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"turn": "another"}, {"number": 2}, {"ended": True}],
    ids=["started again", "went on alone", "ended"],
)
def test_ranks_drop_a_share_that_nobody_waits_for(
    tmp_path: Path, driver: ArrayEngine, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """What an old list asks for may no longer be what is wanted."""
    next(driver.map(DOUBLE, TASKS))
    monkeypatch.setattr(array, "LOOK", -1.0)
    place = tmp_path / "array" / "job"
    old = array._read_now(place)
    assert old is not None
    new = array.msgspec.structs.replace(old, **change)
    monkeypatch.setattr(array, "_read_now", lambda _: new)
    array._do_share(Member("job", 1, 3), Inline(), place, old)
    assert array._places(array._outcomes_of(place, old)) == []
    new = old
    array._do_share(Member("job", 1, 3), Inline(), place, old)
    assert array._places(array._outcomes_of(place, old)) == [1, 4]


def test_a_list_that_has_just_gone_is_nobodys_share(tmp_path: Path) -> None:
    array._do_share(Member("job", 1, 3), Inline(), tmp_path, array._Now("gone", 1))


def test_rank_0_lives_while_it_has_nothing_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task, or what is done between two lists, may take longer than the others wait."""
    monkeypatch.setattr(array, "BEAT", 0.02)
    monkeypatch.setattr(array, "SILENCE", 0.5)
    engine = ArrayEngine(Member("job", 0, 3), Inline(), tmp_path)
    waiting = serving(1, tmp_path)
    time.sleep(1.0)
    assert waiting.is_alive()
    engine.close()
    waiting.join(10)
    assert not waiting.is_alive()


class Terminating(Inline):
    """SIGTERM comes after the first of its tasks."""

    def map(self, function: str, tasks: Iterable[Task], **more: Any) -> Iterator[Outcome]:
        yield next(super().map(function, tasks, **more))
        raise array.stopping.Terminated


def test_what_others_did_is_told_though_rank_0_was_terminated_in_its_share(tmp_path: Path) -> None:
    driver = ArrayEngine(Member("job", 0, 3), Terminating(), tmp_path)
    outcomes = driver.map(DOUBLE, TASKS)
    told = [next(outcomes).key]
    now = array._read_now(tmp_path / "array" / "job")
    assert now is not None
    array._do_share(Member("job", 1, 3), Inline(), tmp_path / "array" / "job", now)
    with pytest.raises(array.stopping.Terminated):
        told += iter(lambda: next(outcomes).key, None)
    driver.close()
    assert told == ["t0", "t1", "t4"]


def test_the_others_wait_for_a_first_rank_that_was_told_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ArrayEngine(Member("job", 0, 3), Inline(), tmp_path)
    monkeypatch.setattr(array.stopping, "asked", lambda: True)
    engine.close()
    waiting = serving(1, tmp_path)
    time.sleep(0.1)
    assert waiting.is_alive()
    monkeypatch.undo()
    ArrayEngine(Member("job", 0, 3), Inline(), tmp_path).close()
    waiting.join(10)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (("DOLMA_PIPE_RANK=1", "DOLMA_PIPE_RANKS=4", "DOLMA_PIPE_JOB=a/b"), Member("a_b", 1, 4)),
        (
            ("SLURM_ARRAY_TASK_ID=0", "SLURM_ARRAY_TASK_COUNT=2", "SLURM_ARRAY_JOB_ID=77"),
            Member("77", 0, 2),
        ),
        (("SLURM_PROCID=3", "SLURM_NTASKS=4", "SLURM_JOB_ID=78"), Member("78", 3, 4)),
        (
            ("JOB_COMPLETION_INDEX=2", "DOLMA_PIPE_RANKS=3", "DOLMA_PIPE_JOB=uid"),
            Member("uid", 2, 3),
        ),
        (
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=5",
                "AWS_BATCH_JOB_ARRAY_SIZE=6",
                "AWS_BATCH_JOB_ID=6c7b:5",
            ),
            Member("6c7b", 5, 6),
        ),
    ],
)
def test_who_a_process_is(
    environment: tuple[str, ...], expected: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    for names in array.RANKS:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="set DOLMA_PIPE_RANK"):
        member()
    for given in environment:
        monkeypatch.setenv(*given.split("=", 1))
    assert member() == expected
    monkeypatch.setenv(environment[0].split("=")[0], "9")
    with pytest.raises(UserError, match="no rank among ranks"):
        member()


def test_three_ranks_make_the_bytes_of_a_local_run(tmp_path: Path) -> None:
    """Rank 1 is killed as soon as it has a list; it is not started again."""
    write_corpus(tmp_path)
    ranks = []
    for rank in range(3):
        names = {"DOLMA_PIPE_RANK": rank, "DOLMA_PIPE_RANKS": 3, "DOLMA_PIPE_JOB": "one"}
        environment = {**os.environ, **{name: str(value) for name, value in names.items()}}
        code = "import dolma_pipe.engine.array as a; a.PATIENCE = 1.0; a.POLL = 0.05\n"
        code += "from dolma_pipe.cli.main import main; main()"
        arguments = ["run", "mix.yaml", "--work", "work", "--engine", "array", "--workers", "1"]
        ranks.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment
            )
        )
    while not list(tmp_path.glob("work/array/one/*/1.json")):
        assert ranks[0].poll() is None
        time.sleep(0.01)
    ranks[1].kill()
    assert [rank.wait(200) for rank in ranks] == [0, -9, 0]
    dolma_pipe(tmp_path, "run", "mix.yaml", "--work", "local", "--workers", 2)
    ours = decided(tmp_path / "work")
    assert ours.pop("array/one/now.json")
    assert ours == decided(tmp_path / "local")
