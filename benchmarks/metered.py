"""A whole run, metered: CPU, memory of the driver as it goes on, bytes and files of every step.

python -m benchmarks.metered run REQUEST        a Request as JSON; prints a Ran
python -m benchmarks.metered overhead REQUEST   an Idle as JSON; prints the seconds of each round
"""

import importlib
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.engine.choice import EngineChoice, new_engine
from dolma_pipe.engine.peak import peak_bytes
from dolma_pipe.errors import UserError
from dolma_pipe.passes.context import Context, Nobody
from dolma_pipe.passes.prepare import prepared
from dolma_pipe.run import run
from dolma_pipe.work import read_json

STATUS = Path("/proc/self/status")

EVERY = 50
"""Tasks between two looks at the memory of the driver."""

FOLDERS = ("curated", "attributes", "dedup", "encoded", "mix", "tokens", "records")


class Request(msgspec.Struct, frozen=True):
    """files: whether every step tells its bytes, and its files in the folder of the work directory;
    it costs a tenth of a millisecond a task."""

    recipe: str
    work: str
    workers: int
    engine: str = "local"
    files: bool = False


class Idle(msgspec.Struct, frozen=True):
    """Tasks that do nothing."""

    engine: str
    workers: int
    tasks: int
    rounds: int = 3


class Step(msgspec.Struct):
    """All tasks of one name. cpu: seconds; peak: bytes of the largest; read, written: bytes through
    system calls, without what is mapped; opened, made: files of the work directory to read, to
    write."""

    name: str
    tasks: int = 0
    cpu: float = 0.0
    peak: int = 0
    read: int = 0
    written: int = 0
    opened: int = 0
    made: int = 0


class Look(msgspec.Struct, frozen=True):
    """The driver after so many tasks: bytes that are its own share (PSS), and resident ones."""

    done: int
    pss: int
    rss: int


class Ran(msgspec.Struct):
    """driver: CPU seconds of the driver; cpu: of all processes of this machine that it started,
    where they are its children; peak: bytes of the driver at the most. folders: bytes of the work
    directory."""

    engine: str
    wall: float
    driver: float
    cpu: float
    peak: int
    looks: list[Look]
    steps: list[Step]
    folders: dict[str, int]
    documents: int
    kept: int
    deduplicated: int
    bytes: int
    kept_bytes: int
    tokens: int
    tokens_hash: str

    @property
    def total(self) -> float:
        """CPU seconds of driver and tasks, also of workers on other machines."""
        return self.driver + sum(step.cpu for step in self.steps)

    def fifth(self, last: bool) -> int:
        """Peak resident bytes of the driver in the first or last fifth of the tasks."""
        end = self.looks[-1].done
        within = [k.rss for k in self.looks if (k.done >= 0.8 * end if last else k.done <= end / 5)]
        return max(within)


class NotMeasured(Exception):
    """An engine that is not there, or a run that ended with an error: one line."""


class Metered(Engine):
    """Another engine, whose tasks tell bytes, and files below a folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = str(folder)
        self.steps: dict[str, Step] = {}

    def slots(self) -> int:
        return self._engine.slots()

    def map(self, function: str, tasks: Iterable[Task], **given: Any) -> Iterator[Outcome]:
        common = {"function": function, "folder": self._folder}
        wrapped = [Task(t.key, {**common, "args": t.args}, t.weight) for t in tasks]
        step = self.steps.setdefault(function, Step(function))
        for outcome in self._engine.map("benchmarks.metered:metered", wrapped, **given):
            if outcome.error is None:
                value, read, written, opened, made = outcome.value
                step.read, step.written = step.read + read, step.written + written
                step.opened, step.made = step.opened + opened, step.made + made
                outcome = msgspec.structs.replace(outcome, value=value)
            yield outcome

    def close(self) -> None:
        self._engine.close()


def metered(args: dict[str, Any]) -> tuple[Any, int, int, int, int]:
    """Task: another task; bytes read and written, files opened and made."""
    module, _, name = args["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    counts = _opens(args["folder"])
    before, files = _moved(), tuple(counts)
    value = function(args["args"])
    after = _moved()
    return (
        value,
        *(b - a for a, b in zip(before, after, strict=True)),
        *(b - a for a, b in zip(files, counts, strict=True)),
    )


def nothing(args: dict[str, Any]) -> None:
    """Task: none."""


def _moved() -> tuple[int, int]:
    """Bytes that this process has read and written so far."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    return int(lines[1]), int(lines[3])


@cache
def _opens(folder: str) -> list[int]:
    """Counts of files below a folder that this process opens and makes, from now on."""
    counts = [0, 0]

    def count(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and str(args[0]).startswith(folder):
            counts[bool(args[2] & (os.O_WRONLY | os.O_RDWR))] += 1

    sys.addaudithook(count)
    return counts


class Looking(Nobody):
    """Looks at the memory of this process now and then."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self._done = 0

    def begin(self, what: str, tasks: int, done: int) -> None:  # noqa: ARG002
        self._look()

    def advance(self) -> None:
        self._done += 1
        if self._done % EVERY == 0:
            self._look()

    def end(self) -> None:
        self._look()

    def _look(self) -> None:
        self.looks.append(Look(self._done, *memory()))


def memory() -> tuple[int, int]:
    """PSS and RSS of this process in bytes; its peak so far where the system tells neither."""
    try:
        text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return (_peak(), _peak())
    told = dict(line.split()[:2] for line in text.splitlines()[1:])
    return int(told["Pss:"]) << 10, int(told["Rss:"]) << 10


def _peak() -> int:
    """Without what the parent had when it forked, where the system can tell."""
    return peak_bytes("task" if STATUS.exists() else "worker")


def run_here(request: Request) -> Ran:
    """The run, its driver in this process. Raises UserError."""
    watch = Looking()
    started, cpu = time.perf_counter(), time.process_time()
    work = Path(request.work)
    files: dict[str, Step] = {}
    choice = EngineChoice(request.engine, request.workers)
    with prepared(Path(request.recipe), work, choice, False, watch) as own:
        if request.files:
            watched = Metered(own.engine, work.parent)
            own.engine, files = watched, watched.steps
        summary = run(own)
    wall, driver = time.perf_counter() - started, time.process_time() - cpu
    if summary.failed:
        raise UserError(f"{len(summary.failed)} shards failed")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    last = {flow.source: flow for flow in summary.flows}
    curated = {flow.source: flow for flow in summary.flows if flow.stage == "content"}
    return Ran(
        engine=request.engine,
        wall=wall,
        driver=driver,
        cpu=driver + children.ru_utime + children.ru_stime,
        peak=_peak(),
        looks=watch.looks,
        steps=_steps(own, files),
        folders={name: _size(work / name) for name in FOLDERS},
        documents=sum(row.documents for row in summary.intake),
        kept=sum(flow.documents_out for flow in curated.values()),
        deduplicated=sum(flow.documents_out for flow in last.values()),
        bytes=sum(row.bytes for row in summary.intake),
        kept_bytes=sum(flow.bytes_out for flow in last.values()),
        tokens=read_json(work / "tokens" / "manifest.json")["tokens"],
        tokens_hash=hash_of(work / "tokens"),
    )


def _steps(context: Context, files: dict[str, Step]) -> list[Step]:
    """Seconds as the engine tells them, by the names that people see."""
    steps: dict[str, Step] = {}
    for timing in context.timings:
        step = steps.setdefault(timing["pass"], Step(timing["pass"]))
        step.tasks += 1
        step.cpu += timing["cpu_seconds"]
        step.peak = max(step.peak, timing["peak_bytes"])
    for function, found in files.items():
        name = function.partition(":")[2].replace("_", " ")
        of = {"curate shard": "curate", "encode shard": "encode", "assemble part": "assemble"}
        ends = of.get(name, f": {name}")
        alike = [step for step in steps.values() if step.name.endswith(ends)]
        if alike:  # of a step of several entries: by their tasks
            tasks = sum(step.tasks for step in alike)
            for step in alike:
                for field in ("read", "written", "opened", "made"):
                    setattr(step, field, getattr(found, field) * step.tasks // max(1, tasks))
    return list(steps.values())


def hash_of(folder: Path) -> str:
    """xxh3-128 of every file with its name, in the order of names."""
    digest = xxhash.xxh3_128()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def idle_here(idle: Idle) -> list[float]:
    """Wall seconds of each round of tasks that do nothing; workers have started."""
    tasks = [Task(str(number), {"number": number}) for number in range(idle.tasks)]
    engine, rounds = new_engine(EngineChoice(idle.engine, idle.workers), Path()), []
    try:
        for given in [tasks[: 8 * idle.workers], *[tasks] * idle.rounds]:
            started = time.perf_counter()
            for _ in engine.map("benchmarks.metered:nothing", given):
                pass
            rounds.append(time.perf_counter() - started)
    finally:
        engine.close()
    return rounds[1:]


def run_apart(request: Request) -> Ran:
    """In a process of its own; the work directory goes. Raises NotMeasured."""
    shutil.rmtree(request.work, ignore_errors=True)
    try:
        return msgspec.json.decode(_told("run", request), type=Ran)
    finally:
        shutil.rmtree(request.work, ignore_errors=True)


def idle_apart(idle: Idle) -> list[float]:
    """`idle_here` in a process of its own. Raises NotMeasured."""
    return msgspec.json.decode(_told("overhead", idle), type=list[float])


def _told(what: str, given: Request | Idle) -> str:
    encoded = msgspec.json.encode(given).decode()
    command = [sys.executable, "-m", "benchmarks.metered", what, encoded]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise NotMeasured(tail[0])
    return done.stdout.splitlines()[-1]


def main(what: str, given: str) -> None:
    """Print what was asked for; a user's error ends it with one line."""
    try:
        told: Any
        if what == "run":
            told = run_here(msgspec.json.decode(given, type=Request))
        else:
            told = idle_here(msgspec.json.decode(given, type=Idle))
    except UserError as error:
        sys.exit(" ".join(str(error).split()))
    print(msgspec.json.encode(told).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
