"""Away with what no record accounts for: outputs of shards and stages that the recipe no longer
has.

Whoever globs the work directory takes what lies there for part of the corpus.
"""

from dolma_pipe.manifest import Records
from dolma_pipe.recipe import Recipe
from dolma_pipe.tokens import MANIFEST, plan_files
from dolma_pipe.work import Work, files_below, is_remote, remove_all

FOLDERS = (
    *("curated", "attributes", "quarantine", "dedup", "encoded", "mix", "tokens", "held_out"),
    *("spool", "published"),
)


def remove_leftovers(recipe: Recipe, work: Work, records: Records) -> None:
    """Remove stale records, then every file of the passes' folders that no record names."""
    wanted = {work.record(stage, key) for stage, key in _tasks(recipe)}
    remove_all(path for path in files_below(work.root / "records") if path not in wanted)
    known = (records.read(stage, key) for stage, key in _tasks(recipe))
    outputs = {work.root / place for record in known if record for place in record.outputs}
    if recipe.dedup:  # in no record: times are not the same in two runs
        outputs.add(work.dedup_times)
    for folder in (work.tokens, work.held_out):
        # packing plans are made between runs, where arrays can be mapped
        if folder / MANIFEST in outputs and not is_remote(folder):
            outputs |= plan_files(folder)
    for name in FOLDERS:
        remove_all(path for path in files_below(work.root / name) if path not in outputs)


def _tasks(recipe: Recipe) -> list[tuple[str, str]]:
    """Every pass and key that has a record in a finished run."""
    keys = [shard.key for shard in recipe.inputs()]
    by_shard = [
        "curate",
        "attributes",
        *(["sign"] if recipe.dedup else []),
        *(["encode"] if recipe.tokenize else []),
    ]
    once = [*(["dedup"] if recipe.dedup else []), *(["mix"] if recipe.tokenize else [])]
    return [(stage, key) for stage in by_shard for key in keys] + [(stage, "all") for stage in once]
