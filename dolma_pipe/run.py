"""From a recipe to token arrays: the passes in their order, each doing only what is not done."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from dolma_pipe.assets import asset_path
from dolma_pipe.engine.base import Engine, Task, succeed
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.errors import RecipeError, UserError, WorkError
from dolma_pipe.kernels.jit import is_compiled
from dolma_pipe.passes.context import Context, Watch
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.dedup import deduplicate
from dolma_pipe.passes.encode import encode
from dolma_pipe.passes.manifest import write_run_manifest
from dolma_pipe.passes.mix import mix
from dolma_pipe.passes.sweep import sweep
from dolma_pipe.recipe import read_recipe
from dolma_pipe.report.summary import Summary, counts_of, summarise
from dolma_pipe.settings import nearest
from dolma_pipe.work import Work, atomic_write, remove_temporaries, write_json

Stage = Literal["language", "quality", "content", "dedup", "mix", "tokenize"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def run(context: Context, until: Stage = "tokenize") -> Summary:
    """All passes up to the one that does stage `until` (stages 1 to 3 are one pass, so are 5 and
    6).

    Raises UserError; a shard that failed does not stop the run, it is named in Summary.failed.
    """
    summary = _passes(context, STAGES.index(until))
    sweep(context.recipe, context.work)
    write_run_manifest(context)
    return _reported(context, summary)


def _passes(context: Context, last: int) -> Summary:
    curated = curate(context)
    if last < STAGES.index("dedup"):
        return summarise(context, curated)
    deduplicated = deduplicate(context, curated)
    before = summarise(context, curated, deduplicated)
    if last < STAGES.index("mix") or context.recipe.tokenize is None:
        return before
    encoded = encode(context, deduplicated)
    plan = mix(context, encoded, counts_of(before))
    return summarise(context, curated, deduplicated, encoded, plan)


def deduplicate_only(context: Context, method: str | None) -> Summary:
    """Stages 1 to 3 where they are not done, then the dedup entries of one method, or all.

    Raises RecipeError where the recipe has no such entry.
    """
    methods = [entry.method for entry in context.recipe.dedup]
    if not methods:
        raise RecipeError("the recipe has no dedup section")
    if method is not None and method not in methods:
        raise RecipeError(f"the recipe has no dedup entry '{method}'{nearest(method, methods)}")
    curated = curate(context)
    return _reported(context, summarise(context, curated, deduplicate(context, curated, method)))


def export_documents(context: Context, folder: Path) -> dict[str, int]:
    """Write what survives stage 4 in dolma's layout; gives documents by source."""
    deduplicated = deduplicate(context, curate(context))
    tasks = []
    for survivors in deduplicated.shards:
        source, key = survivors.curated.shard.source, survivors.curated.shard.key
        name = key.removeprefix(f"{source}/")
        args = {
            "curated": str(context.work.curated(key)),
            "removed": str(survivors.removed) if survivors.removed else None,
            "out": str(folder / source / "documents" / f"{name}.jsonl.zst"),
        }
        tasks.append(Task(key, args, survivors.curated.counts.kept_bytes))
    written = succeed(context.map("export", "dolma_pipe.stages.export:export_shard", tasks))
    counts = {source.name: 0 for source in context.recipe.sources}
    for survivors in deduplicated.shards:
        shard = survivors.curated.shard
        counts[shard.source] += written[shard.key]["documents"]
    return counts


def _reported(context: Context, summary: Summary) -> Summary:
    write_json(context.work.root / "report.json", summary)
    return summary


def tag(context: Context, sources: tuple[str, ...], score_all: bool) -> Summary:
    """Stages 1 to 3 alone, for some sources or all. Raises RecipeError for a source that is
    none."""
    names = [source.name for source in context.recipe.sources]
    for name in sources:
        if name not in names:
            raise RecipeError(f"unknown source '{name}'{nearest(name, names)}")
    return _reported(context, summarise(context, curate(context, sources, score_all)))


@contextmanager
def prepared(
    recipe_path: Path,
    work: Path | None,
    workers: int | None,
    engine: str,
    force: bool,
    watch: Watch,
) -> Iterator[Context]:
    """A context whose recipe is checked, whose assets are there and whose work directory is ours
    alone."""
    recipe = read_recipe(recipe_path)
    root = work or Path("work") / recipe.name
    with _locked(root):
        remove_temporaries(root)
        for asset in recipe.assets():
            asset_path(asset)
        recipe.check_assets()
        _copy(recipe_path, root / "recipe.yaml")
        if not is_compiled():
            watch.say("compiling kernels: only on the first run of this version, a minute or so")
        running = new_engine(engine, workers)
        context = Context(recipe, Work(root), running, watch, force)
        started = time.perf_counter()
        try:
            yield context
        finally:
            running.close()
            remove_temporaries(root)
            seconds = round(time.perf_counter() - started, 3)
            write_json(root / "timings.json", {"seconds": seconds, "tasks": context.timings})


def new_engine(name: str, workers: int | None) -> Engine:
    """The engine of a name; without a number as many workers as this process may use cores."""
    if name != "local":
        raise UserError(f"unknown engine '{name}' (known: local)")
    return LocalEngine(workers or len(os.sched_getaffinity(0)))


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as file:
        file.write(source.read_bytes())


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Two runs in one work directory would undo each other's files."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("wb")
    except OSError as error:
        raise WorkError(f"cannot use work directory {root}: {error.strerror or error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkError(f"another run uses the work directory {root}") from None
        yield
