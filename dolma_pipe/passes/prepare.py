"""Before a run: the recipe checked, the assets there, the work directory ours alone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dolma_pipe.assets import asset_path
from dolma_pipe.engine.array import dismiss
from dolma_pipe.engine.choice import EngineChoice, new_engine
from dolma_pipe.errors import RecipeError, StoreError, WorkError
from dolma_pipe.kernels.jit import is_compiled
from dolma_pipe.passes.context import Context, Watch
from dolma_pipe.passes.locks import locked
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.stages.dedup.index import check_probes
from dolma_pipe.stages.publish import FOLDERS
from dolma_pipe.store import is_within
from dolma_pipe.tokenizer import load_tokenizer
from dolma_pipe.work import (
    Work,
    address,
    atomic_write,
    clear_unfinished,
    write_json,
)


@contextmanager
def prepared(
    recipe_path: Path,
    work: Path | None,
    engine: EngineChoice,
    force: bool,
    watch: Watch,
    change: Callable[[Recipe], Recipe] | None = None,
) -> Iterator[Context]:
    """Everything that the passes need; workers end with the block, and times are written.

    work: the work directory, None for work/NAME. force: do again what is done. watch: is told how
    it goes, Nobody() for silence. change: makes of the recipe that was read the one that is run.
    Raises UserError: a wrong recipe, a model that cannot be had, a work directory in use.
    """
    recipe = read_recipe(recipe_path)
    recipe = change(recipe) if change else recipe
    root = root_of(recipe, work)
    _refuse_own_output(recipe, root)
    with locked(root, say=watch.say) as lock:
        clear_unfinished(root)
        for asset in recipe.assets():
            asset_path(asset)
        recipe.check_assets()
        if recipe.tokenize is not None:  # a wrong one is told now, not after hours of curation
            load_tokenizer(recipe.tokenize.tokenizer, recipe.tokenize.eos)
        _copy(recipe_path, root / "recipe.yaml")
        if not is_compiled():
            watch.say("compiling kernels: only on the first run of this version, a minute or so")
        if recipe.dedup_index:
            check_probes(recipe.dedup_index)
        dismiss(root)
        running = new_engine(engine, root, watch.say)
        context = Context(recipe, Work(root), running, watch, force)
        started = time.perf_counter()
        try:
            yield context
        except BaseException:
            running.give_up()
            running.close()
            if lock.is_ours():
                # the disk may be full: the first error is told
                with suppress(WorkError, StoreError):
                    _tidy(context, started)
            raise
        running.close()
        if lock.is_ours():
            _tidy(context, started)


def root_of(recipe: Recipe, work: Path | None) -> Path:
    """The work directory of a run: the one that is asked for, or work/NAME."""
    return work or Path("work") / recipe.name


def _tidy(context: Context, started: float) -> None:
    root = context.work.root
    clear_unfinished(root)
    seconds = round(time.perf_counter() - started, 3)
    write_json(root / "timings.json", {"seconds": seconds, "tasks": context.timings})


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as file:
        file.write(source.read_bytes())


def _refuse_own_output(recipe: Recipe, root: Path) -> None:
    """What a run writes must not be what the next one reads."""
    work = address(root)
    for shard in recipe.inputs():
        if is_within(shard.uri, work):
            raise RecipeError(
                f"sources.{shard.source}.documents: {shard.uri} lies in the work directory {work}"
            )
    output = recipe.tokenize.output if recipe.tokenize else None
    if output is None:
        return
    if is_within(output, work):
        raise RecipeError(
            f"tokenize.output: {output} lies in the work directory {work}, where tokens/ are anyway"
        )
    for folder in FOLDERS:
        if is_within(work, f"{output}/{folder}"):
            raise RecipeError(f"tokenize.output: the work directory {work} lies in {folder}/ of it")
