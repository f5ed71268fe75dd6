"""Sign, part of the curate pass: hashes of the survivors, so that no later step reads all texts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from dolma_pipe.batch import Batch
from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.kernels.jit import U64
from dolma_pipe.kernels.minhash import band_keys
from dolma_pipe.kernels.normalise import collapse_white_space
from dolma_pipe.stages.dedup.banding import banding_of
from dolma_pipe.stages.dedup.survivors import survivor_ranks
from dolma_pipe.work import atomic_write


def lengths_path(prefix: Path) -> Path:
    """uint64[documents]: bytes of each text."""
    return prefix.with_name(f"{prefix.name}.lengths.u64")


def keys_path(prefix: Path, number: int) -> Path:
    """uint64[columns, documents] of entry `number` (from 1).

    exact: the two halves of the hash; minhash: a key a band. All 0: the document takes no part in
    this entry.
    """
    return prefix.with_name(f"{prefix.name}.{number}.keys.u64")


def ranks_path(prefix: Path, number: int) -> Path:
    """uint64[documents]: survivor order of entry `number`; absent where all tie."""
    return prefix.with_name(f"{prefix.name}.{number}.ranks.u64")


def key_columns(entry: Entry) -> int:
    """Columns of the keys of an entry."""
    return banding_of(entry).bands if isinstance(entry, MinHash) else 2


class Signatures:
    """Collects the signatures of one shard: 8 bytes a band and document, the texts are not held."""

    def __init__(self, entries: Sequence[Entry], source: str | None = None) -> None:
        """source: of the shard; entries that do not concern it are not signed (None: all are)."""
        self._numbered = [
            (number, entry)
            for number, entry in enumerate(entries, 1)
            if source is None or entry.concerns(source)
        ]
        self._lengths: list[U64] = []
        self._keys: dict[int, list[U64]] = {number: [] for number, _ in self._numbered}
        self._ranks: dict[int, list[U64]] = {n: [] for n, e in self._numbered if e.keep != "first"}

    def add(self, batch: Batch, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Sign the survivors of a batch. columns: numbers that `keep` may ask for."""
        self._lengths.append(np.diff(batch.offsets).astype(np.uint64))
        for number, entry in self._numbered:
            self._keys[number].append(_keys(entry, batch))
            ranks = survivor_ranks(entry, batch, columns)
            if ranks is not None:
                self._ranks[number].append(ranks)

    def write(self, prefix: Path) -> dict[str, int]:
        """Write all files of the shard, each whole or not at all; returns counts."""
        counts = {"documents": sum(map(len, self._lengths))}
        _write(lengths_path(prefix), self._lengths)
        for number, entry in self._numbered:
            blocks = self._keys[number]
            columns = range(key_columns(entry))
            _write(keys_path(prefix, number), (b[:, c] for c in columns for b in blocks))
            counts[f"unsigned.{number}"] = sum(int((~b.any(axis=1)).sum()) for b in blocks)
        for number, ranks in self._ranks.items():
            _write(ranks_path(prefix, number), ranks)
        return counts


def _write(path: Path, parts: Iterable[U64]) -> None:
    with atomic_write(path) as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)


def _keys(entry: Entry, batch: Batch) -> U64:
    """uint64[documents, columns]."""
    if isinstance(entry, MinHash):
        bands, rows = banding_of(entry)
        return band_keys(batch.text, batch.offsets, entry.shingle, bands, rows, entry.seed)
    return _exact_keys(entry, batch)


def _exact_keys(entry: Exact, batch: Batch) -> U64:
    """The halves of xxh3-128; a blank text is 0, 0 and so equal to none."""
    collapsed, offsets = collapse_white_space(batch.text, batch.offsets)
    blank = np.diff(offsets) == 0
    if entry.normalise == "none":
        collapsed, offsets = batch.text, batch.offsets
    view, borders = np.ascontiguousarray(collapsed).data, offsets.tolist()
    digest = xxhash.xxh3_128_digest
    digests = b"".join(digest(view[a:b]) for a, b in pairwise(borders))
    keys = np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 2)
    keys[blank] = 0
    return keys
