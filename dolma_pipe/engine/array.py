"""The array engine: the ranks of a job array (Slurm, Kubernetes, AWS Batch) or of any other way to
start one command many times. Every rank takes its share of each frozen list of tasks.

    WORK/array/<job>/now.json                        {turn, number, ended, beat}: which list is open
    WORK/array/<job>/<turn>/<number>.json            the list: function and tasks in their order
    WORK/array/<job>/<turn>/<number>/<place>.json    the outcome of one of them

Rank 0 drives the run and does its share, too; the others (serve) do what now.json names until it
says that the run has ended. A rank that was started again goes on where outcomes are missing. When
rank 0 has nothing left to do and a share does not come, it does the rest of it itself.
"""

import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from dolma_pipe.engine import stopping
from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.errors import UserError
from dolma_pipe.manifest import code_fingerprint
from dolma_pipe.work import files_below, read_bytes, remove_tree, write_json

POLL = 0.5
"""Seconds between two looks at what others have done."""
BEAT = 10.0
"""Seconds between two signs of life of rank 0."""
SILENCE = 600.0
"""Seconds without one after which the other ranks give up."""
PATIENCE = 20.0
"""Seconds at least, and three times the median of a task, until rank 0 does what is missing."""

RANKS = (
    ("DOLMA_PIPE_RANK", "DOLMA_PIPE_RANKS", "DOLMA_PIPE_JOB"),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_JOB_ID"),
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_ID"),
    ("JOB_COMPLETION_INDEX", "DOLMA_PIPE_RANKS", "DOLMA_PIPE_JOB"),
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", "AWS_BATCH_JOB_ID"),
)
"""Variables that say which rank, of how many, of which job; the first of which all are set count.
Arrays start at 0; the job of AWS is the part of its name before the colon."""


class Member(NamedTuple):
    """One of the ranks of a job."""

    job: str
    rank: int
    ranks: int


class _Now(msgspec.Struct):
    turn: str
    number: int = 0
    ended: bool = False
    beat: int = 0


class _List(msgspec.Struct):
    code: str
    function: str
    tasks: list[Task]
    retries: int


def member() -> Member:
    """Who this process is. Raises UserError where the environment does not say it."""
    for names in RANKS:
        rank, ranks, job = (os.environ.get(name, "") for name in names)
        if rank and ranks and job:
            if not (rank.isdecimal() and ranks.isdecimal() and int(rank) < int(ranks)):
                raise UserError(
                    f"{names[0]}={rank} and {names[1]}={ranks} are no rank among ranks from 0"
                )
            return Member(secure_name(job.partition(":")[0]), int(rank), int(ranks))
    raise UserError(
        "--engine array runs in a job array: set DOLMA_PIPE_RANK (from 0), DOLMA_PIPE_RANKS and "
        "DOLMA_PIPE_JOB, or start it by Slurm, Kubernetes or AWS Batch (docs/cluster.md)"
    )


def secure_name(job: str) -> str:
    """The name of a job as that of a folder."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in job)


class ArrayEngine(Engine):
    """What rank 0 drives a run with."""

    def __init__(self, me: Member, local: Engine, root: Path) -> None:
        """local: runs the share of this rank. root: the work directory, which all ranks see."""
        self._me = me
        self._local = local
        self._place = root / "array" / me.job
        self._now = _Now(secrets.token_hex(8))
        self._beaten = -BEAT
        remove_tree(root / "array")
        self._beat(force=True)

    def slots(self) -> int:
        return self._local.slots() * self._me.ranks

    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,  # noqa: ARG002  every task needs one process
        memory: int | None = None,  # noqa: ARG002
        gpus: int = 0,  # noqa: ARG002
        retries: int = 3,
    ) -> Iterator[Outcome]:
        frozen = _List(code_fingerprint(), function, _by_weight(tasks), retries)
        if not frozen.tasks:
            return
        self._now.number += 1
        write_json(_list_path(self._place, self._now), frozen)
        self._beat(force=True)
        known: dict[int, Outcome] = {}
        for place, outcome in _done_here(self._local, frozen, self._share(frozen)):
            known[place] = outcome
            yield outcome
            self._beat()
        yield from self._of_others(frozen, known)

    def _of_others(self, frozen: _List, known: dict[int, Outcome]) -> Iterator[Outcome]:
        """Their outcomes as they come; what does not come is done here."""
        folder, waited_from = _outcomes_of(self._place, self._now), time.monotonic()
        while len(known) < len(frozen.tasks):
            found = [place for place in _places(folder) if place not in known]
            for place in found:
                known[place] = _read_outcome(folder, place)
                yield known[place]
            if found:
                waited_from = time.monotonic()
            elif time.monotonic() - waited_from > _patience(known.values()):
                left = [place for place in range(len(frozen.tasks)) if place not in known]
                for place, outcome in _done_here(self._local, frozen, left[: self._local.slots()]):
                    known[place] = outcome
                    yield outcome
            else:
                time.sleep(POLL)
            self._beat()

    def _share(self, frozen: _List) -> list[int]:
        return list(range(self._me.rank, len(frozen.tasks), self._me.ranks))

    def _beat(self, *, force: bool = False) -> None:
        """Tell the others that this rank lives, and what is open."""
        if force or time.monotonic() - self._beaten >= BEAT:
            self._now.beat += 1
            self._beaten = time.monotonic()
            write_json(self._place / "now.json", self._now)

    def close(self) -> None:
        """The other ranks end, too; but where SIGTERM ended this one, they wait until it is started
        again."""
        self._local.close()
        if not stopping.asked():
            self._now.ended = True
            self._beat(force=True)
            remove_tree(self._place / self._now.turn)


def serve(me: Member, local: Engine, root: Path) -> None:
    """What the other ranks do until the run has ended.

    Raises UserError where rank 0 gives no sign of life, or has another version of dolma-pipe.
    """
    place = root / "array" / me.job
    seen: _Now | None = None
    since, finished = time.monotonic(), ("", 0)
    while True:
        now = _read_now(place)
        if now is not None and now != seen:
            seen, since = now, time.monotonic()
            if now.ended:
                return
        if now is not None and now.number and (now.turn, now.number) != finished:
            _do_share(me, local, place, now)
            finished, since = (now.turn, now.number), time.monotonic()
        elif time.monotonic() - since > SILENCE:
            raise UserError(f"rank {me.rank}: rank 0 gives no sign of life in {place}")
        else:
            time.sleep(POLL)


def _do_share(me: Member, local: Engine, place: Path, now: _Now) -> None:
    frozen = msgspec.json.decode(read_bytes(_list_path(place, now)), type=_List)
    if frozen.code != code_fingerprint():
        host = socket.gethostname()
        raise UserError(f"rank {me.rank} on {host} has another version of dolma-pipe than rank 0")
    folder = _outcomes_of(place, now)
    there = set(_places(folder))
    share = [i for i in range(me.rank, len(frozen.tasks), me.ranks) if i not in there]
    looked = time.monotonic()
    for number, outcome in _done_here(local, frozen, share):
        write_json(folder / f"{number}.json", outcome)
        if time.monotonic() - looked > BEAT:
            looked, current = time.monotonic(), _read_now(place)
            if current is None or current.turn != now.turn:  # rank 0 was started again
                local.close()
                return


def _done_here(local: Engine, frozen: _List, places: list[int]) -> Iterator[tuple[int, Outcome]]:
    """Tasks of these places in the list, run on this machine."""
    host = socket.gethostname()
    by_key = {frozen.tasks[place].key: place for place in places}
    tasks = [frozen.tasks[place] for place in places]
    for outcome in local.map(frozen.function, tasks, retries=frozen.retries):
        told = msgspec.structs.replace(outcome, where=f"{host} {outcome.where}")
        yield by_key[outcome.key], told


def _by_weight(tasks: Iterable[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (-task.weight, task.key))


def _patience(known: Iterable[Outcome]) -> float:
    seconds = [outcome.seconds for outcome in known]
    return max(PATIENCE, 3 * median(seconds) if seconds else 0.0)


def _list_path(place: Path, now: _Now) -> Path:
    return place / now.turn / f"{now.number}.json"


def _outcomes_of(place: Path, now: _Now) -> Path:
    return place / now.turn / str(now.number)


def _places(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in files_below(folder) if path.suffix == ".json")


def _read_outcome(folder: Path, place: int) -> Outcome:
    return msgspec.json.decode(read_bytes(folder / f"{place}.json"), type=Outcome)


def _read_now(place: Path) -> _Now | None:
    try:
        return msgspec.json.decode(read_bytes(place / "now.json"), type=_Now)
    except FileNotFoundError:
        return None
