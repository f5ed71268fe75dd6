"""What is tagged of a recipe, read beside a run that may go on: no lock, nothing written."""

from collections.abc import Iterator
from typing import NamedTuple

from dolma_pipe.errors import UserError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.settings import nearest
from dolma_pipe.stored import AttributeFile
from dolma_pipe.work import Work


class TaggedShard(NamedTuple):
    """A shard with its attributes."""

    source: Source
    shard: Input
    stored: AttributeFile


def sources_of(recipe: Recipe, name: str | None) -> tuple[Source, ...]:
    """The source of this name, or all. Raises UserError for an unknown one."""
    if name is None:
        return recipe.sources
    known = [source.name for source in recipe.sources]
    if name not in known:
        raise UserError(f"unknown source '{name}'{nearest(name, known)}")
    return tuple(source for source in recipe.sources if source.name == name)


def tagged_shards(work: Work, sources: tuple[Source, ...]) -> Iterator[TaggedShard]:
    """Every shard that has attributes, in the order of the recipe."""
    for source in sources:
        for shard in source.inputs:
            path = work.attributes(shard.key)
            if path.exists():
                yield TaggedShard(source, shard, AttributeFile(path))


def nothing_tagged(recipe_path: object, work: Work) -> WorkError:
    """The one line for who asks too early."""
    return WorkError(f"nothing is tagged in {work.root}: run dolma-pipe tag {recipe_path}")
