"""How much of a recipe is done in its work directory: the answer of `dolma-pipe status`."""

from dolma_pipe.manifest import read_record
from dolma_pipe.recipe import Recipe
from dolma_pipe.work import Work


def status(recipe: Recipe, work: Work) -> str:
    """A line a pass. It reads records only: whether an input has changed since is seen by the next
    run."""
    keys = [shard.key for shard in recipe.inputs()]
    lines = [f"{recipe.name} in {work.root}"]
    stages = {"curate": keys}
    if recipe.dedup:
        stages["dedup"] = ["all"]
    if recipe.tokenize:
        stages |= {"encode": keys, "mix": ["all"]}
    for stage, wanted in stages.items():
        records = [read_record(work, stage, key) for key in wanted]
        there = sum(record is not None for record in records)
        lines.append(f"  {stage:8} {there:6,} of {len(wanted):6,} tasks recorded")
    if (work.tokens / "manifest.json").exists():
        lines.append(f"  tokens   {work.tokens}")
    return "\n".join(lines)
