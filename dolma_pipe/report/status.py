"""How much of a recipe is done in its work directory: the answer of `dolma-pipe status`."""

from collections.abc import Iterator

from dolma_pipe.manifest import InputHashes, Records, fingerprint, stamps_of
from dolma_pipe.passes.curate import curated_record, source_fingerprint
from dolma_pipe.recipe import Recipe
from dolma_pipe.report.dedup_counts import only_some
from dolma_pipe.work import Work, address, exists, read_json


def status(recipe: Recipe, work: Work) -> str:
    """A line a pass. Inputs that have changed since the last run are hashed; nothing is written."""
    keys = [shard.key for shard in recipe.inputs()]
    records = Records(work)
    fresh = sum(_curated(recipe, work, records))
    lines = [f"{recipe.name} in {address(work.root)}"]
    lines.append(_line("curate", fresh, len(keys), "up to date"))
    state = "recorded" if fresh == len(keys) else "recorded, and out of date"
    passes = {"dedup": ["all"]} if recipe.dedup else {}
    passes |= {"encode": keys, "mix": ["all"]} if recipe.tokenize else {}
    for stage, wanted in passes.items():
        there = sum(records.read(stage, key) is not None for key in wanted)
        lines.append(_line(stage, there, len(wanted), state if there else "recorded"))
        if stage == "dedup" and there:
            some = only_some(read_json(work.dedup / "report.json"))
            lines[-1] += f": {some}" if some else ""
    output = recipe.tokenize.output if recipe.tokenize else None
    if output and records.read("mix", "all"):
        lines.append(f"  tokens   {output}/tokens")
    elif exists(work.tokens / "manifest.json"):
        lines.append(f"  tokens   {address(work.tokens)}")
    return "\n".join(lines)


def _line(stage: str, there: int, wanted: int, state: str) -> str:
    return f"  {stage:8} {there:6,} of {wanted:6,} tasks {state}"


def _curated(recipe: Recipe, work: Work, records: Records) -> Iterator[bool]:
    """For each shard, whether its record still holds; `tag --all` has records of its own."""
    hashes = InputHashes(work)
    asked = stamps_of(shard.uri for shard in recipe.inputs() if shard.stamp is None)
    for source in recipe.sources:
        settings = [source_fingerprint(recipe, source, score_all) for score_all in (False, True)]
        for shard in source.inputs:
            if records.read("curate", shard.key) is None:
                yield False
                continue
            content = hashes.get(shard.uri, shard.stamp or asked[shard.uri])
            expected = [fingerprint(one, content) for one in settings]
            yield any(curated_record(records, shard.key, one) for one in expected)
