"""The work directory of a run as corpora: its sources as deduplication left them, where it was run,
or in its folder curated/ as stages 1 to 3 did."""

import os
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from dolma_pipe.errors import WorkError
from dolma_pipe.folders import is_work_directory
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.statistics.opened import OfRun
from dolma_pipe.work import Work, address, exists, files_below

Stage = Literal["content", "dedup"]
CURATED, ENDING = "curated", ".jsonl.zst"


class RunCorpora(NamedTuple):
    """stage: the last that counts. sources: by name, what is left of each shard, by address."""

    stage: Stage
    sources: dict[str, dict[str, OfRun]]


def run_corpora(path: str) -> RunCorpora | None:
    """Of a work directory, or the folder curated/ in one; None where it is neither.

    What is there of a run that has not ended is as stages 1 to 3 left it. Raises WorkError.
    """
    around, last = os.path.split(path.rstrip("/"))  # addresses stay strings
    curated = last == CURATED and is_work_directory(around or ".")
    if not curated and not is_work_directory(path):
        return None
    work = Work(around if curated else path)
    ended = FinishedRun(work.root) if exists(work.root / "manifest.json") else None
    deduplicated = ended is not None and not curated and _deduplicated(ended)
    sources: dict[str, dict[str, OfRun]] = {}
    shards = _curated(work) if ended is None else _of_run(ended, deduplicated=deduplicated)
    for key, of_run in shards:
        found = sources.setdefault(key.partition("/")[0], {})
        found[address(work.curated(key))] = of_run
    if not sources:
        raise WorkError(f"{path} has no documents yet: its run has curated nothing")
    return RunCorpora("dedup" if deduplicated else "content", sources)


def _deduplicated(run: FinishedRun) -> bool:
    """Whether it came so far, and no run is doing it again."""
    return run.dedup_report is not None and exists(run.work.record("dedup", "all"))


def _of_run(run: FinishedRun, *, deduplicated: bool) -> Iterator[tuple[str, OfRun]]:
    outputs: Mapping[str, int] = (run.manifest.dedup or {}).get("outputs", {})
    for source in run.recipe.sources:
        for shard in source.inputs:
            key = shard.key
            curated = run.manifest.shards.get(key, {}).get("curate")
            if curated is None or key in run.summary.failed:
                continue
            if deduplicated:
                cuts = run.work.cuts(key)
                cut = cuts.relative_to(run.work.root).as_posix() in outputs
                removed = str(run.work.removed(key))
                messages = source.reading.messages
                size = curated["counts"]["kept_bytes"]
                yield key, OfRun(removed, str(cuts) if cut else None, size, messages)
            else:
                yield key, OfRun()


def _curated(work: Work) -> Iterator[tuple[str, OfRun]]:
    folder = work.root / CURATED
    for path in files_below(folder):
        if path.name.endswith(ENDING):
            yield path.relative_to(folder).as_posix().removesuffix(ENDING), OfRun()
