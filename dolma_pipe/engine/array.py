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
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
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
LOOK = 10.0
"""Seconds between two looks of a rank whether rank 0 still waits for what it does."""
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
    failed: bool = False
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

    def __init__(
        self, me: Member, local: Engine, root: Path, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """local: runs the share of this rank. root: the work directory, which all ranks see. say:
        to who watches the run."""
        self._me = me
        self._local = local
        self._place = root / "array" / me.job
        self._now = _Now(secrets.token_hex(8))
        self._one_beat = threading.Lock()
        self._over = threading.Event()
        self._looked = 0.0
        self._absent: set[int] = set()
        self._say = say
        self._beat()
        threading.Thread(target=self._live, name="beat", daemon=True).start()

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
        following = msgspec.structs.replace(self._now, number=self._now.number + 1)
        write_json(_list_path(self._place, following), frozen)
        self._now.number += 1
        self._beat()
        known: set[int] = set()
        seconds: list[float] = []
        with stopping.draining():
            for place, outcome in self._all(frozen, known, seconds):
                known.add(place)
                seconds.append(outcome.seconds)
                yield outcome

    def _all(
        self, frozen: _List, known: set[int], seconds: list[float]
    ) -> Iterator[tuple[int, Outcome]]:
        """Those of this rank, and those of others as they come, to the last moment: a run that is
        ended before its time keeps them."""
        try:
            for place, outcome in _done_here(self._local, frozen, self._share(frozen)):
                yield place, outcome
                if time.monotonic() - self._looked > POLL:
                    yield from self._found(known)
            waited_from = time.monotonic()
            while len(known) < len(frozen.tasks):
                if stopping.asked():
                    raise stopping.Terminated
                before = len(known)
                yield from self._found(known)
                if len(known) > before:
                    waited_from = time.monotonic()
                elif left := self._left(
                    frozen, known, in_vain=time.monotonic() - waited_from > _patience(seconds)
                ):
                    yield from _done_here(self._local, frozen, left[: self._local.slots()])
                else:
                    time.sleep(POLL)
        except stopping.Terminated:
            yield from self._found(known)
            raise

    def _left(self, frozen: _List, known: set[int], *, in_vain: bool) -> list[int]:
        """What this rank does of others' shares: of those that it has waited for in vain, and at
        once of those that were absent before and have not been heard of since."""
        left = [place for place in range(len(frozen.tasks)) if place not in known]
        if in_vain:
            gone = {place % self._me.ranks for place in left} - self._absent
            self._absent |= gone
            for rank in sorted(gone):
                self._say(
                    f"nothing comes from rank {rank}: its share is done here until it is back"
                )
        return [place for place in left if place % self._me.ranks in self._absent]

    def _found(self, known: set[int]) -> Iterator[tuple[int, Outcome]]:
        """What others have written meanwhile."""
        self._looked = time.monotonic()
        folder = _outcomes_of(self._place, self._now)
        for place in _places(folder):
            if place not in known:
                self._absent.discard(place % self._me.ranks)
                yield place, _read_outcome(folder, place)

    def _share(self, frozen: _List) -> list[int]:
        return list(range(self._me.rank, len(frozen.tasks), self._me.ranks))

    def _beat(self) -> None:
        """Tell the others that this rank lives, and what is open."""
        with self._one_beat:
            self._now.beat += 1
            write_json(self._place / "now.json", self._now)

    def _live(self) -> None:
        """While a task, or what is done between two lists, takes longer than others wait, too."""
        while not self._over.wait(BEAT):
            with suppress(UserError):  # a store that is away: the next one may come through
                self._beat()

    def give_up(self) -> None:
        self._now.failed = True

    def close(self) -> None:
        """The other ranks end, too; but where SIGTERM ended this one, they wait until it is started
        again."""
        self._local.close()
        self._over.set()
        if not stopping.asked():
            self._now.ended = True
            with suppress(UserError):  # a full disk: why the run ended is told by itself
                self._beat()
            _clear(self._place / self._now.turn)


def serve(me: Member, local: Engine, root: Path) -> None:
    """What the other ranks do until the run has ended.

    Raises UserError where rank 0 has failed, gives no sign of life, or has another version of
    dolma-pipe.
    """
    place = root / "array" / me.job
    seen: _Now | None = None
    since, finished = time.monotonic(), ("", 0)
    while True:
        now = _read_now(place)
        if now is not None and now != seen:
            seen, since = now, time.monotonic()
            if now.failed:
                raise UserError(f"rank {me.rank}: rank 0 has failed, its log says why")
            if now.ended:
                return
        if now is not None and now.number and (now.turn, now.number) != finished:
            _do_share(me, local, place, now)
            finished, since = (now.turn, now.number), time.monotonic()
        elif time.monotonic() - since > SILENCE:
            raise UserError(f"rank {me.rank}: rank 0 gives no sign of life in {place}")
        else:
            time.sleep(POLL)


def dismiss(root: Path) -> None:
    """Ranks of an earlier run that still work, since their rank 0 was killed, stop when they see
    that what they were told is gone."""
    _clear(root / "array")


def _do_share(me: Member, local: Engine, place: Path, now: _Now) -> None:
    try:
        frozen = msgspec.json.decode(read_bytes(_list_path(place, now)), type=_List)
    except FileNotFoundError:  # rank 0 has just ended, or was started again
        return
    if frozen.code != code_fingerprint():
        host = socket.gethostname()
        raise UserError(f"rank {me.rank} on {host} has another version of dolma-pipe than rank 0")
    folder = _outcomes_of(place, now)
    there = set(_places(folder))
    share = [i for i in range(me.rank, len(frozen.tasks), me.ranks) if i not in there]
    looked = time.monotonic()
    for number, outcome in _done_here(local, frozen, share):
        if time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            if not _still_open(place, now):
                local.close()
                return
        write_json(folder / f"{number}.json", outcome)


def _still_open(place: Path, now: _Now) -> bool:
    """False where rank 0 went on without this rank, has ended, or was started again."""
    current = _read_now(place)
    return (
        current is not None
        and (current.turn, current.number) == (now.turn, now.number)
        and not current.ended
    )


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


def _patience(seconds: list[float]) -> float:
    return max(PATIENCE, 3 * median(seconds) if seconds else 0.0)


def _list_path(place: Path, now: _Now) -> Path:
    return place / now.turn / f"{now.number}.json"


def _outcomes_of(place: Path, now: _Now) -> Path:
    return place / now.turn / str(now.number)


def _clear(folder: Path) -> None:
    """What a rank writes there at the same time may stay: nobody reads it."""
    with suppress(OSError, UserError):
        remove_tree(folder)


def _places(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in files_below(folder) if path.suffix == ".json")


def _read_outcome(folder: Path, place: int) -> Outcome:
    return msgspec.json.decode(read_bytes(folder / f"{place}.json"), type=Outcome)


def _read_now(place: Path) -> _Now | None:
    try:
        return msgspec.json.decode(read_bytes(place / "now.json"), type=_Now)
    except FileNotFoundError:
        return None
