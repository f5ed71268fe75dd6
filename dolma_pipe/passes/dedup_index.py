"""The index of a run: made after pass 2, unless it is there already."""

from pathlib import Path

from dolma_pipe.dedup_index import Description, check_indexable, read_index
from dolma_pipe.errors import RecipeError, UserError, WorkError
from dolma_pipe.manifest import fingerprint
from dolma_pipe.passes.context import Context, WatchedEngine
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.dedup import curated_shard, deduplicate, indexed_shards
from dolma_pipe.stages.dedup.index import write_index
from dolma_pipe.store import is_within
from dolma_pipe.work import address


def index(context: Context, path: Path, out: Path, *, new_only: bool = False) -> Description:
    """Stages 1 to 4 where they are not done, then the index of their documents in `out`.

    path: of the recipe. new_only: without the documents of the indexes that the recipe names.
    Raises UserError.
    """
    recipe, work = context.recipe, context.work
    if not recipe.dedup:
        raise RecipeError(f"{path}: dedup: is missing, an index is made of what it has decided")
    try:
        check_indexable(recipe.dedup)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    if any(Path(root).resolve() == out.resolve() for root in recipe.dedup_index):
        told = f"--out {address(out)} is an index that the recipe reads"
        raise RecipeError(f"{told}: choose another folder")
    if is_within(address(out), address(work.root)):
        raise WorkError(f"--out {address(out)} lies in the work directory {address(work.root)}")
    curated = curate(context)
    deduplicate(context, curated)
    if context.failed:
        raise UserError(f"no index: {len(context.failed)} shards failed, see the report of `run`")
    record = context.records.read("dedup", "all")
    assert record is not None  # deduplicate() has written it
    expected = fingerprint(record.fingerprint, new_only)
    described = _finished(out)
    if described is not None and described.fingerprint == expected and not context.force:
        return described
    old = [] if new_only else indexed_shards(recipe.dedup_index)
    shards = [*old, *map(curated_shard, curated)]
    engine = WatchedEngine(context, "dedup")
    return write_index(work, recipe.dedup, shards, engine, out, expected)


def _finished(out: Path) -> Description | None:
    try:
        return read_index(str(out))
    except WorkError:
        return None
