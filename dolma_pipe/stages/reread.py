"""Input documents read once more, as pass 1 read them, beside what is stored of them."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

import msgspec
import pyarrow as pa

from dolma_pipe.batch import Batch
from dolma_pipe.errors import InputError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.stored import AttributeFile, Group


class Pair(NamedTuple):
    """Documents and their stored rows, one each, in the same order."""

    batch: Batch
    group: Group


class Reread(msgspec.Struct, frozen=True):
    """A shard and how its source is read, as it travels to the workers."""

    shard: Input
    reading: Reading
    max_document_bytes: int


def reread(recipe: Recipe, source: Source, shard: Input) -> Reread:
    """All that it takes to read a shard of a source as pass 1 does."""
    return Reread(shard, source.read_as(shard), recipe.max_document_bytes)


def reader_of(given: Reread) -> ShardReader:
    """The shard as pass 1 reads it; what it has quarantined is passed over."""
    return ShardReader(
        given.shard.uri,
        source=given.shard.source,
        shard=given.shard.key,
        reading=given.reading,
        max_document_bytes=given.max_document_bytes,
        quarantine=_pass_over,
    )


def beside(reader: ShardReader, stored: AttributeFile) -> Iterator[Pair]:
    """All documents with what is stored of them: a row group is what a batch was.

    Raises InputError where the shard is not the one that was tagged.
    """
    groups = (group for group in stored.groups() if len(group))
    for batch, group in zip_longest(reader, groups):
        if batch is None or group is None or not _same(batch.documents, group):
            raise InputError(f"{stored.path} speaks of other documents than its input: tag again")
        yield Pair(batch, group)


def _same(documents: pa.RecordBatch, group: Group) -> bool:
    ids = group.array("id").cast(documents.schema.field("id").type)
    return bool(
        ids.equals(documents.column("id")) and group.array("line").equals(documents.column("line"))
    )


def _pass_over(bad: Quarantined) -> None:
    """It is in quarantine/ already."""
