"""The Ray engine: plain tasks on the nodes of a cluster, or of one that is started here for a run.

Retries are ours: a task that kills its worker is tried a few times, one whose node has gone many
times, since that is no fault of its own.
"""

import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from dolma_pipe.engine import ray_worker
from dolma_pipe.engine.base import Engine, Failure, Outcome, Task
from dolma_pipe.engine.ray_cluster import RayCluster
from dolma_pipe.engine.ray_settings import ray
from dolma_pipe.engine.ray_worker import Answer, Call, Site, site_here
from dolma_pipe.engine.stopping import Terminated, asked, draining, out_of_time
from dolma_pipe.engine.stragglers import Stragglers
from dolma_pipe.errors import ClusterLost, UserError
from dolma_pipe.work import TEMPORARY, is_remote

MOST_LOST = 20
"""Nodes that may go while they run one task."""
ANSWER = 60.0
"""Seconds for a result to come from the node that has it."""
STOPS = 3.0
"""Seconds for a call that is asked to stop."""
LOOK = 1.0
"""Seconds until nodes, stragglers and SIGTERM are looked at, whether a task has ended or not."""

Lost = Literal["killed", "out of memory", "node"]


class RayEngine(Engine):
    """Nodes that join are used, nodes that leave are not waited for.

    workers: the most tasks at a time; without an address, the size of the cluster. root: the work
    directory, which all nodes must see.
    """

    def __init__(self, workers: int | None, address: str | None, root: Path) -> None:
        self._cluster = RayCluster(workers, address)
        self._root = root
        self._unwanted = _Unwanted()
        if address is not None:  # a wrong one is told now
            self._cluster.start()

    def slots(self) -> int:
        self._cluster.start()
        return self._cluster.slots()

    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,
        memory: int | None = None,
        gpus: int = 0,
        retries: int = 3,
    ) -> Iterator[Outcome]:
        """As Engine.map; raises Terminated when SIGTERM has come and those that ran have ended.

        A task that needs more CPUs or memory than the largest node has gets all of that node.
        """
        waiting = deque(_Job(task) for task in sorted(tasks, key=lambda task: -task.weight))
        if not waiting:
            return
        self._cluster.start()
        with draining(), _seen_from_here(self._root) as site:
            flight = _Flight(self._remote(cpus, memory, gpus), function, site, self._unwanted)
            try:
                while waiting or flight.jobs:
                    flight.slots = self._cluster.slots(cpus, gpus)
                    if asked():
                        waiting.clear()
                        flight.take_back()
                        if out_of_time():
                            break
                    flight.fill(waiting)
                    for job, answer in flight.ended():
                        if isinstance(answer, Outcome):
                            yield answer
                        elif (failed := job.lose(answer, retries)) is not None:
                            yield failed
                        elif not asked():
                            waiting.appendleft(job)
                if asked():
                    raise Terminated
            finally:
                flight.cancel()

    def close(self) -> None:
        self._cluster.stop()

    def _remote(self, cpus: int, memory: int | None, gpus: int) -> Any:
        most_cpus, most_memory = self._cluster.most("CPU"), self._cluster.most("memory")
        needs: dict[str, Any] = {"num_cpus": min(cpus, most_cpus or cpus), "num_gpus": gpus}
        if memory is not None:
            needs["memory"] = int(min(memory, most_memory or memory))
        # max_calls=0: models stay loaded from task to task, on GPUs, too
        remote = ray.remote(max_calls=0, max_retries=0, scheduling_strategy="SPREAD", **needs)
        return remote(ray_worker.run)


@contextmanager
def _seen_from_here(root: Path) -> Iterator[Site]:
    """What nodes are held against; a file in the work directory tells whether they see it."""
    if is_remote(root):
        yield site_here(str(root), None)
        return
    token = root / f".node-{secrets.token_hex(8)}{TEMPORARY}"
    root.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        yield site_here(str(root), token.name)
    finally:
        token.unlink(missing_ok=True)


class _Job:
    """A task on its way to an outcome. refs: where it runs, its twin too."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.attempt = 1
        self.lost = 0
        self.refs: set[Any] = set()

    def lose(self, how: Lost, retries: int) -> Outcome | None:
        """No answer came; the failure where that has been so too often."""
        if how == "node":
            self.lost += 1
            told = f"its node has gone {self.lost} times" if self.lost >= MOST_LOST else None
        else:
            more = " (out of memory)" if how == "out of memory" else ""
            failed = self.attempt >= retries
            told = f"killed its worker {self.attempt} times{more}" if failed else None
            self.attempt += not failed
        if told is None:
            return None
        failure = Failure("killed", told)
        return Outcome(self.task.key, None, failure, self.attempt, 0.0, 0.0, "ray")


class _Flight:
    """Tasks that Ray has been given, some more than can run, so that no slot waits for us."""

    def __init__(self, remote: Any, function: str, site: Site, unwanted: "_Unwanted") -> None:
        self._remote = remote
        self._unwanted = unwanted
        self._function = function
        self._site = site
        self._running: dict[Any, _Job] = {}
        self._stragglers = Stragglers()
        self.jobs: dict[str, _Job] = {}
        self.slots = 1

    def fill(self, waiting: deque[_Job]) -> None:
        """Submit as many as there is room for; where none waits, twins of those that are slow."""
        while waiting and len(self.jobs) < max(1, 2 * self.slots):
            job = waiting.popleft()
            self.jobs[job.task.key] = job
            self._submit(job)
            self._stragglers.submitted(job.task.key, self.slots)
        if not waiting and not asked():
            for key in self._stragglers.worth_a_twin(self.slots):
                self._submit(self.jobs[key])

    def ended(self) -> Iterator[tuple[_Job, Outcome | Lost]]:
        """Those that have ended, after LOOK seconds or when the first one has."""
        self._unwanted.kill_late()
        running = list(self._running)
        done, _ = ray.wait(running, num_returns=1, timeout=LOOK)
        if done and len(running) > 1:
            done, _ = ray.wait(running, num_returns=len(running), timeout=0)
        for ref in done:
            job = self._running.pop(ref, None)
            if job is None:  # its twin has just ended
                continue
            job.refs.discard(ref)
            answer = _answer(ref)
            if not isinstance(answer, Outcome) and job.refs:
                job.attempt += answer != "node"  # its twin may yet end well
                continue
            self._end(job, answer.seconds if isinstance(answer, Outcome) else None)
            yield job, answer

    def take_back(self) -> None:
        """Those that have not started."""
        for job in list(self.jobs.values()):
            if not self._stragglers.has_started(job.task.key):
                self._end(job, None)

    def cancel(self) -> None:
        """All of them: whoever asked for their outcomes has gone."""
        for job in list(self.jobs.values()):
            self._end(job, None)

    def _submit(self, job: _Job) -> None:
        call = Call(self._site, self._function, job.task, job.attempt)
        ref = self._remote.remote(msgspec.json.encode(call))
        job.refs.add(ref)
        self._running[ref] = job

    def _end(self, job: _Job, seconds: float | None) -> None:
        """Nothing of the job is waited for any more."""
        del self.jobs[job.task.key]
        self._stragglers.ended(job.task.key, self.slots, seconds)
        for ref in job.refs:
            del self._running[ref]
            self._unwanted.stop(ref)
        job.refs.clear()


class _Unwanted:
    """Calls that nobody waits for any more. Each is asked to stop: its worker then lives and keeps
    its models. One that does not listen, as in a kernel or where a read hangs, is killed."""

    def __init__(self) -> None:
        self._asked: dict[Any, float] = {}

    def stop(self, ref: Any) -> None:
        """Soon."""
        ray.cancel(ref, force=False)
        self._asked[ref] = time.monotonic()

    def kill_late(self) -> None:
        """Those that have had their time; they took a slot from others."""
        if not self._asked:
            return
        ended, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        for ref in ended:
            del self._asked[ref]
        for ref, since in list(self._asked.items()):
            if time.monotonic() - since > STOPS:
                ray.cancel(ref, force=True)
                del self._asked[ref]


def _answer(ref: Any) -> Outcome | Lost:
    """How a task went. Raises UserError where its node can run none."""
    try:
        answer = msgspec.json.decode(ray.get(ref, timeout=ANSWER), type=Answer)
    except ray.exceptions.LocalRayletDiedError as error:
        raise ClusterLost("Ray has died on this machine: start it again, and the run") from error
    except ray.exceptions.OutOfMemoryError:
        return "out of memory"
    except ray.exceptions.WorkerCrashedError:
        return "killed"
    except (
        ray.exceptions.NodeDiedError,
        ray.exceptions.ObjectLostError,
        ray.exceptions.TaskCancelledError,
        ray.exceptions.GetTimeoutError,
    ):
        return "node"
    if answer.refused is not None:
        raise UserError(answer.refused)
    assert answer.outcome is not None
    return answer.outcome
