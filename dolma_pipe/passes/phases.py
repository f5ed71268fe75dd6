"""Phases: what the steps of a pass took, summed over their tasks; kept beside deduplication's
report until that is made anew."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import msgspec

from dolma_pipe.engine.peak import PeakOf
from dolma_pipe.errors import WorkError
from dolma_pipe.manifest import read_record
from dolma_pipe.work import Work, read_json, write_json


class Phase(msgspec.Struct):
    """One step: its tasks, and the most that one of them held.

    seconds, cpu_seconds: of all workers together. peak_of: "worker" where the system could not
    tell the peak of a task from that of its worker so far.
    """

    name: str
    tasks: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    peak_of: PeakOf


class DedupTimes(msgspec.Struct):
    """What a deduplication took. fingerprint: of the record of that run; seconds: by the clock."""

    fingerprint: str
    seconds: float
    phases: list[Phase]


def phases_of(timings: Iterable[dict[str, Any]]) -> list[Phase]:
    """One a name, in the order in which they ran; timings: as Context notes them."""
    grouped = groupby(timings, key=lambda timing: str(timing["pass"]))
    return [_phase(name, list(tasks)) for name, tasks in grouped]


def _phase(name: str, tasks: list[dict[str, Any]]) -> Phase:
    return Phase(
        name=name,
        tasks=len(tasks),
        seconds=round(sum(task["seconds"] for task in tasks), 4),
        cpu_seconds=round(sum(task["cpu_seconds"] for task in tasks), 4),
        peak_bytes=max(task["peak_bytes"] for task in tasks),
        peak_of="worker" if any(task["peak_of"] == "worker" for task in tasks) else "task",
    )


def write_dedup_times(
    work: Work, fingerprint: str, seconds: float, timings: Iterable[dict[str, Any]]
) -> None:
    """Before the record of the same fingerprint is written."""
    times = DedupTimes(fingerprint, round(seconds, 3), phases_of(timings))
    write_json(work.dedup_times, times)


def read_dedup_times(work: Work) -> DedupTimes | None:
    """Of the run that made what lies in dedup/; None where that is not known."""
    record = read_record(work, "dedup", "all")
    try:
        times = msgspec.convert(read_json(work.dedup_times), DedupTimes)
    except (WorkError, msgspec.ValidationError):
        return None
    return times if record is not None and record.fingerprint == times.fingerprint else None
