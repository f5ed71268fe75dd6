"""Input documents read once more, as pass 1 read them, beside what is stored of them."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pyarrow as pa

from dolma_pipe.batch import Batch
from dolma_pipe.errors import InputError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.stored import AttributeFile


class Pair(NamedTuple):
    """Documents and their stored rows, one each, in the same order."""

    batch: Batch
    rows: pa.RecordBatch


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
    """All documents with what is stored of them.

    Raises InputError where the shard is not the one that was tagged.
    """
    rows = stored.rows()
    held: list[pa.RecordBatch] = []
    for batch in reader:
        while sum(map(len, held)) < len(batch) and (more := next(rows, None)) is not None:
            held.append(more)
        table = pa.Table.from_batches(held) if held else None
        chosen = None
        if table is not None and len(table) >= len(batch):
            chosen = table.slice(0, len(batch)).combine_chunks().to_batches()[0]
            held = table.slice(len(batch)).to_batches()
        if chosen is None or not all(
            chosen.column(name).cast(pa.large_string()).equals(batch.documents.column(name))
            if name == "id"
            else chosen.column(name).equals(batch.documents.column(name))
            for name in ("line", "id")
        ):
            raise _changed(stored)
        yield Pair(batch, chosen)
    if sum(map(len, held)) or next(rows, None) is not None:
        raise _changed(stored)


def _changed(stored: AttributeFile) -> InputError:
    return InputError(f"{stored.path} speaks of other documents than its input has: tag again")


def _pass_over(bad: Quarantined) -> None:
    """It is in quarantine/ already."""
