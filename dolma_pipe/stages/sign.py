"""Sign a curated shard again: when only the dedup section has changed, nothing is tagged anew."""

import sys
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.entries import Entry
from dolma_pipe.shard import ShardReader
from dolma_pipe.stages.dedup.sign import Signatures
from dolma_pipe.work import Work, here


class SignTask(msgspec.Struct, frozen=True):
    """A curated shard and the dedup entries that want its signatures."""

    work: str
    source: str
    key: str
    entries: tuple[Entry, ...]


def sign_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task function: the same files that curation would have written."""
    task = msgspec.convert(args, SignTask)
    work = Work(task.work)
    columns = pq.read_table(here(work.columns(task.key)))
    signatures = Signatures(task.entries, task.source, work.dedup)
    first = 0
    curated = here(work.curated(task.key))
    reader = ShardReader(curated, source=task.source, max_document_bytes=sys.maxsize)
    for batch in reader:
        rows = columns.slice(first, len(batch))
        numeric = {
            name: np.asarray(rows.column(name).cast(pa.float64()).to_numpy(), np.float64)
            for name in columns.column_names
            if pa.types.is_floating(columns.schema.field(name).type)
        }
        signatures.add(batch, numeric)
        first += len(batch)
    return dict(signatures.write(work.signatures(task.key)))
