"""Synthetic corpora for deduplication: keys and sets as an index holds them, no texts."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.dedup_index import IndexFiles
from dolma_pipe.engine.base import Engine, Task, succeed
from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.plan import CuratedShard
from dolma_pipe.stages.dedup.sign import keys_path, lengths_path, write_words
from dolma_pipe.stages.dedup.stored_sets import write_sets
from dolma_pipe.work import atomic_write

SHINGLES = 128
"""Of a document; all have as many."""
CLUSTERED = 0.4
"""The share of documents that are in a cluster."""
TAIL = 2.0
"""P(a cluster is larger than k) falls as k ** -TAIL."""
LARGEST = 10_000
EQUAL = 0.3
"""Of a cluster's documents those that are equal; the others differ in up to CHANGED shingles."""
CHANGED = 0.12


class Corpus(msgspec.Struct, frozen=True):
    """root: of the index. clusters: their sizes, by the law above where none are given. equal: the
    share of a cluster's documents that are equal."""

    root: str
    documents: int
    shards: int
    clusters: tuple[int, ...] = ()
    equal: float = EQUAL
    bands: int = 14
    rows: int = 8

    def entries(self) -> tuple[Entry, ...]:
        return (Exact(), MinHash(bands=self.bands, rows=self.rows))

    def shard(self, number: int) -> CuratedShard:
        firsts = self.firsts()
        key, documents = f"synthetic/{number:06d}", int(firsts[number + 1] - firsts[number])
        return CuratedShard(key, "synthetic", f"{number:06d}", documents, self.root)

    def firsts(self) -> npt.NDArray[np.int64]:
        return np.arange(self.shards + 1) * self.documents // self.shards

    @property
    def table(self) -> Path:
        """int32[documents]: the cluster of each, -1 for none."""
        return Path(self.root) / "cluster.i32"


def make(corpus: Corpus, engine: Engine) -> list[CuratedShard]:
    """The same corpus for the same arguments."""
    rng = np.random.default_rng(1)
    in_clusters = int(corpus.documents * CLUSTERED)
    if not corpus.clusters:
        drawn = rng.pareto(TAIL, in_clusters // 2 + 1)
        sizes = np.minimum(2 * (1 + drawn), min(LARGEST, in_clusters)).astype(np.int64)
        sizes = sizes[: np.searchsorted(np.cumsum(sizes), in_clusters)]
    else:
        sizes = np.array(corpus.clusters, np.int64)
    members = np.full(corpus.documents, -1, np.int32)
    members[: sizes.sum()] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    rng.shuffle(members)
    corpus.table.parent.mkdir(parents=True, exist_ok=True)
    members.tofile(corpus.table)
    shards = [corpus.shard(number) for number in range(corpus.shards)]
    tasks = [
        Task(shard.key, {"corpus": msgspec.to_builtins(corpus), "shard": number})
        for number, shard in enumerate(shards)
    ]
    succeed(engine.map("benchmarks.synthetic:make_shard", tasks))
    return shards


def make_shard(args: dict[str, Any]) -> None:
    """Task: lengths, keys, sets, ids and marks of one shard."""
    corpus = msgspec.convert(args["corpus"], Corpus)
    number, files, shard = args["shard"], IndexFiles(corpus.root), corpus.shard(args["shard"])
    first = int(corpus.firsts()[number])
    table = np.memmap(corpus.table, np.int32, "r")[first : first + shard.documents]
    documents = np.arange(first, first + shard.documents, dtype=np.uint64)
    rng = np.random.default_rng([2, number])
    clusters = table.astype(np.uint64)
    clustered = table >= 0
    changed = rng.random(shard.documents) * CHANGED
    changed[rng.random(shard.documents) < corpus.equal] = 0
    prefix = files.signatures(shard.key)
    write_words(lengths_path(prefix), [np.full(shard.documents, 6 * SHINGLES, np.uint64)])
    equal = clustered & (changed == 0)
    exact = np.stack(
        [_hash(np.where(equal, clusters, documents), 1 + 2 * h + equal) for h in (0, 1)]
    )
    write_words(keys_path(prefix, 1), [exact])
    kept = 1 - changed
    agree = (kept / (2 - kept)) ** corpus.rows  # all rows of a band
    bands = []
    for band in range(corpus.bands):
        same = clustered & (rng.random(shard.documents) < agree)
        bands.append(_hash(np.where(same, clusters, documents), 100 + 2 * band + same))
    write_words(keys_path(prefix, 2), bands)
    rows = np.flatnonzero(clustered)
    sets = _sets(clusters[rows], documents[rows], changed[rows], rng)
    write_sets(files.sets(shard.key, 2), rows, sets, shard.documents)
    ids = pa.array([f"synthetic-{document:010d}" for document in documents.tolist()])
    path = files.ids(shard.key)
    with atomic_write(path, durable=False) as file:
        pq.write_table(pa.table({"id": ids.cast(pa.large_string())}), file)
    with atomic_write(files.removed(shard.key), durable=False) as file:
        file.write(np.zeros(shard.documents, np.uint8).data)


def _sets(
    clusters: U64, documents: U64, changed: npt.NDArray[np.float64], rng: np.random.Generator
) -> U64:
    """uint64[documents, SHINGLES]: those of the cluster, some replaced by the document's own."""
    places = np.arange(SHINGLES, dtype=np.uint64)
    shared = _hash(clusters[:, None] << np.uint64(16) | places, 7)
    own = _hash(documents[:, None] << np.uint64(16) | places, 8)
    values = np.where(rng.random(shared.shape) < changed[:, None], own, shared)
    values.sort(axis=1)
    return values


def _hash(values: U64, salt: Any) -> U64:
    """splitmix64, never 0 in practice."""
    mixed = values + np.asarray(salt, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: U64 = mixed ^ (mixed >> np.uint64(31))
    return found
