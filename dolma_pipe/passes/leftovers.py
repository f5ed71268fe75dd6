"""Away with what no record accounts for: outputs of shards and stages that the recipe no longer
has.

Whoever globs the work directory takes what lies there for part of the corpus.
"""

from pathlib import Path

from dolma_pipe.manifest import read_record
from dolma_pipe.recipe import Recipe
from dolma_pipe.tokens import MANIFEST, plan_files
from dolma_pipe.work import Work

FOLDERS = (
    *("curated", "attributes", "quarantine", "dedup", "encoded", "mix", "tokens", "held_out"),
    *("spool", "published"),
)


def remove_leftovers(recipe: Recipe, work: Work) -> None:
    """Remove stale records, then every file of the passes' folders that no record names."""
    wanted = {work.record(stage, key) for stage, key in _tasks(recipe)}
    for path in _files(work.root / "records"):
        if path not in wanted:
            path.unlink()
    records = [read_record(work, stage, key) for stage, key in _tasks(recipe)]
    outputs = {work.root / place for record in records if record for place in record.outputs}
    if recipe.dedup:  # in no record: times are not the same in two runs
        outputs.add(work.dedup_times)
    for folder in (work.tokens, work.held_out):
        if folder / MANIFEST in outputs:  # packing plans are made between runs
            outputs |= plan_files(folder)
    for name in FOLDERS:
        for path in _files(work.root / name):
            if path not in outputs:
                path.unlink()


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


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
