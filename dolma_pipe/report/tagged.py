"""What is tagged of a recipe, read beside a run that may go on: no lock, nothing written."""

from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.errors import WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.passes.curate import tagger_fingerprint
from dolma_pipe.recipe import Source
from dolma_pipe.stored import AttributeFile
from dolma_pipe.work import Work, address, all_here, files_below


class TaggedShard(NamedTuple):
    """A shard with its attributes. fingerprints: of today's tagger of each column."""

    source: Source
    shard: Input
    stored: AttributeFile
    fingerprints: dict[str, str]


def tagged_shards(work: Work, sources: tuple[Source, ...]) -> Iterator[TaggedShard]:
    """Every shard that has attributes, in the order of the recipe."""
    there = files_below(work.root / "attributes")
    for source in sources:
        fingerprints: dict[str, str] = {}
        paths = {work.attributes(shard.key): shard for shard in source.inputs}
        tagged = [path for path in paths if path in there]
        for path, _ in zip(tagged, all_here(tagged), strict=True):
            fingerprints = fingerprints or _fingerprints(source)
            yield TaggedShard(source, paths[path], AttributeFile(path), fingerprints)


def outdated(tagged: TaggedShard) -> set[str]:
    """Stored columns that today's recipe would have scored anew: by other settings or models, or
    by an earlier version."""
    return {
        column
        for by in tagged.stored.description.taggers
        for column in by.columns
        if tagged.fingerprints.get(column, by.fingerprint) != by.fingerprint
    }


def _fingerprints(source: Source) -> dict[str, str]:
    """Of the tagger of each column."""
    return {
        f"{use.prefix}.{column}": tagger_fingerprint(use)
        for use in source.taggers
        for column in use.build().columns()
    }


def nothing_tagged(recipe_path: object, work: Work) -> WorkError:
    """The one line for who asks too early."""
    return WorkError(f"nothing is tagged in {address(work.root)}: run dolma-pipe tag {recipe_path}")
