"""Curated shards made from plain texts, and an engine in this process: stage 4 by itself."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.batch import batch_of
from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.entries import Entry
from dolma_pipe.kernels.jit import F64
from dolma_pipe.shard import write_shard
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.stages.dedup.plan import CuratedShard
from dolma_pipe.stages.dedup.sign import Signatures
from dolma_pipe.work import Work


class InProcess(Engine):
    """Tasks in reverse order, each twice, through JSON: what a stage may not depend on."""

    def slots(self) -> int:
        return 1

    def map(
        self,
        function: str,
        tasks: Iterable[Task],
        *,
        cpus: int = 1,  # noqa: ARG002
        memory: int | None = None,  # noqa: ARG002
        gpus: int = 0,  # noqa: ARG002
        retries: int = 3,  # noqa: ARG002
    ) -> Iterator[Outcome]:
        module, _, name = function.partition(":")
        run = getattr(importlib.import_module(module), name)
        for task in reversed(list(tasks)):
            args = msgspec.json.encode(task.args)
            values = [msgspec.json.encode(run(msgspec.json.decode(args))) for _ in range(2)]
            assert values[0] == values[1]
            yield Outcome(task.key, msgspec.json.decode(values[0]), None, 1, 0.0, 0.0, "here")

    def close(self) -> None:
        pass


class Document(msgspec.Struct):
    """id, text, and what a policy may ask for."""

    id: str
    text: str
    created: str | None = None
    score: float = float("nan")
    metadata: dict[str, str] = {}


def documents_of(texts: Iterable[str]) -> list[Document]:
    return [Document(f"d{i}", text) for i, text in enumerate(texts)]


def curate(
    work: Work, corpus: Mapping[str, list[list[Document]]], entries: list[Entry]
) -> list[CuratedShard]:
    """What the curate pass leaves: corpus holds the shards of each source."""
    shards = []
    for source, listed in corpus.items():
        for i, documents in enumerate(listed):
            shard = CuratedShard(f"{source}/{i:03d}", source, f"{i:03d}", len(documents))
            shards.append(shard)
            _write(work, shard, documents, entries)
    return shards


def _write(
    work: Work, shard: CuratedShard, documents: list[Document], entries: list[Entry]
) -> None:
    lines = [msgspec.json.encode({**msgspec.to_builtins(d), "score": None}) for d in documents]
    with write_shard(work.curated(shard.key)) as writer:
        writer.lines(lines)
    table = pa.table(
        {
            "id": pa.array([d.id for d in documents], pa.large_string()),
            "created": pa.array([d.created for d in documents], pa.large_string()),
            "quality.score": pa.array([d.score for d in documents]),
        }
    )
    pq.write_table(table, work.columns(shard.key))
    signatures = Signatures(entries, shard.source)
    for first in range(0, len(documents), 7):  # several batches a shard
        some = documents[first : first + 7]
        batch = batch_of([d.text for d in some], shard.source)
        created = pa.array([d.created for d in some], pa.large_string())
        batch.documents = batch.documents.set_column(4, "created", created)
        scores: F64 = np.array([d.score for d in some])
        signatures.add(batch, {"quality.score": scores})
    signatures.write(work.signatures(shard.key))


class Result:
    """What deduplication left in the work directory."""

    def __init__(self, work: Work, shards: list[CuratedShard], report: dict[str, Any]) -> None:
        self.report = report
        self.masks: dict[str, list[int]] = {
            shard.key: np.fromfile(work.removed(shard.key), np.uint8).tolist() for shard in shards
        }
        self.rows: list[dict[str, Any]] = pq.read_table(work.dedup / "removed.parquet").to_pylist()

    @property
    def kept_for(self) -> dict[str, str]:
        """Id of each removed document and of the one that stayed."""
        return {row["removed_id"]: row["kept_id"] for row in self.rows}


def run(
    root: Path,
    corpus: Mapping[str, list[list[Document]]],
    entries: list[Entry],
    **settings: Any,
) -> Result:
    """Deduplicate a small corpus in a work directory of its own."""
    work = Work(root)
    shards = curate(work, corpus, entries)
    return Result(work, shards, deduplicate(work, entries, shards, InProcess(), **settings))
