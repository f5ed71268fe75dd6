"""Embeddings of one shard: made once, kept beside its signatures for the next threshold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from dolma_pipe.embeddings import embedding_fingerprint, load_embedder
from dolma_pipe.entries import Semantic
from dolma_pipe.kernels.jit import I16, I64, U64
from dolma_pipe.manifest import code_fingerprint, content_hash, fingerprint
from dolma_pipe.stages.dedup.late import write_ranks
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import Work, atomic_write, here, read_range

HEADER = 40
"""Bytes before the vectors: what they were made from (32), and their dimensions (8)."""


def vectors_path(work: Work, key: str, number: int) -> Path:
    """Header, then int16[documents, dimensions]: embeddings of a shard for entry `number`."""
    prefix = work.signatures(key)
    return prefix.with_name(f"{prefix.name}.{number}.vectors")


def embed_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: vectors of the live documents of a shard, unless they are there; ranks."""
    plan, shard = load(args["plan"]), args["part"]
    path = vectors_path(plan.work, plan.shards[shard].key, plan.number)
    expected = _made_from(plan, shard).encode()
    if _header(path)[:32] != expected:
        _embed(plan, shard, path, expected)
    write_ranks(plan, shard)
    vectors = read_vectors(plan, shard)
    there = np.flatnonzero(vectors.any(axis=1))
    live = plan.live(shard)
    return {
        "compared_documents": len(there),
        "left_out_documents": len(live) - len(there),
        "compared_bytes": int(plan.lengths(shard)[there].sum()),
        "dimensions": vectors.shape[1],
    }


def _header(path: Path) -> bytes:
    """Empty where there is no file."""
    try:
        return read_range(path, 0, HEADER)
    except FileNotFoundError:
        return b""


def _embed(plan: Plan, shard: int, path: Path, expected: bytes) -> None:
    entry = plan.entry
    assert isinstance(entry, Semantic)
    embedder = load_embedder(entry.model, entry.device, chunk=entry.chunk, chunks=entry.chunks)
    width = 2 * embedder.dimensions
    with atomic_write(path) as file:
        file.write(expected + np.uint64(embedder.dimensions).tobytes())
        # those that are gone have zeros
        file.truncate(HEADER + plan.shards[shard].documents * width)
        for texts in read_live(plan, shard):
            vectors = embedder.embed(texts.text, texts.offsets)
            borders = np.flatnonzero(np.diff(texts.rows) != 1) + 1
            firsts = texts.rows[np.append(0, borders)].tolist()
            for first, some in zip(firsts, np.split(vectors, borders), strict=True):
                file.seek(HEADER + first * width)
                file.write(some.data)


def _made_from(plan: Plan, shard: int) -> str:
    """Whatever the vectors of a shard depend on."""
    entry = plan.entry
    assert isinstance(entry, Semantic)
    live, cuts = plan.live(shard), plan.cuts(shard)
    return fingerprint(
        code_fingerprint(),
        embedding_fingerprint(entry.model, entry.chunk, entry.chunks),
        content_hash(str(here(plan.work.curated(plan.shards[shard].key)))),
        [xxhash.xxh3_128_hexdigest(part.tobytes()) for part in (live, *cuts.of(live))],
    )


def read_vectors(plan: Plan, shard: int) -> I16:
    """int16[documents, dimensions], mapped and not read; zeros for those that are gone."""
    dimensions, documents = dimensions_of(plan, shard), plan.shards[shard].documents
    if documents == 0:
        return np.zeros((0, dimensions), np.int16)
    path = here(vectors_path(plan.work, plan.shards[shard].key, plan.number))
    return np.memmap(path, np.int16, "r", HEADER, (documents, dimensions))


def dimensions_of(plan: Plan, shard: int) -> int:
    """Of its vectors."""
    path = vectors_path(plan.work, plan.shards[shard].key, plan.number)
    return int.from_bytes(read_range(path, 32, 8), "little")


def words_of(vectors: I16) -> U64:
    """uint64[n, words]: the vectors in whole words, filled up with zeros."""
    n, dimensions = vectors.shape
    padded = np.zeros((n, 4 * -(-dimensions // 4)), np.int16)
    padded[:, :dimensions] = vectors
    return padded.view(np.uint64)


def read_words(plan: Plan, shard: int, rows: I64) -> Iterator[list[U64]]:
    """The vectors of these rows (ascending) as words, a thousand at a time."""
    vectors = read_vectors(plan, shard)
    for first in range(0, len(rows), 1024):
        yield list(words_of(vectors[rows[first : first + 1024]]))
