"""What a run was made from: versions, fingerprints, assets, tokenizer, inputs."""

from collections.abc import Iterator

from dolma_pipe.manifest import fingerprint
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.model import Fact
from dolma_pipe.report.settings import value_told


def facts_of(run: FinishedRun) -> Iterator[Fact]:
    """In the order in which the page lists them."""
    manifest, recipe = run.manifest, run.recipe
    yield Fact("run", "work directory", run.place)
    yield Fact("run", "seed", str(recipe.seed))
    yield Fact("versions", "dolma-pipe", manifest.dolma_pipe)
    yield Fact("versions", "code", manifest.code)
    for source in recipe.sources:
        uris = [shard.uri for shard in source.inputs]
        told = uris[0] if len(uris) == 1 else f"{uris[0]} … {uris[-1]}" if uris else ""
        yield Fact("inputs", source.name, f"{len(uris):,} shards: {told}")
    for stage in ("curate", "encode"):
        for source in recipe.sources:
            made = [
                manifest.shards.get(shard.key, {}).get(stage, {}).get("fingerprint")
                for shard in source.inputs
            ]
            if any(made):
                yield Fact("fingerprints", f"{stage} {source.name}", fingerprint(made))
    for stage, record in (("dedup", manifest.dedup), ("mix", manifest.mix)):
        if record:
            yield Fact("fingerprints", stage, record["fingerprint"])
    for name, digest in sorted(manifest.assets.items()):
        yield Fact("assets", name, f"sha256 {digest}")
    for name, value in (recipe.tokenize or {}).items():
        yield Fact("tokenizer", name, value_told(value))
