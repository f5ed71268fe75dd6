"""Compare token arrays with their manifest, byte by byte."""

import csv
import gzip
import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays
from dolma_pipe.tokens.manifest import MANIFEST, TOKEN_BYTES, Manifest, TokenShard
from dolma_pipe.tokens.packs_check import verify_plans


def verify(folder: Path | str) -> list[str]:
    """Read every byte and compare it with the manifest: one line for each thing that is wrong.

    Raises TokensError where there is no manifest to compare with.
    """
    arrays = TokenArrays(folder)
    problems = _verify_sums(arrays.manifest)
    known = {shard.file for shard in arrays.shards()}
    found = {str(p.relative_to(arrays.folder)) for p in arrays.folder.rglob("*.npy")}
    problems += [f"{file}: is not in the manifest" for file in sorted(found - known)]
    try:
        if _sha256(arrays.token_bytes()) != arrays.manifest.token_bytes_sha256:
            problems.append(f"{TOKEN_BYTES}: its bytes are not those that were written")
    except TokensError as error:
        problems.append(str(error))
    for shard in arrays.shards():
        try:
            problems += [f"{shard.file}: {problem}" for problem in _verify_shard(arrays, shard)]
        except TokensError as error:
            problems.append(str(error))
    return problems + verify_plans(arrays)


def _verify_sums(manifest: Manifest) -> list[str]:
    problems = []
    for source in manifest.sources:
        if source.tokens != sum(shard.tokens for shard in source.shards):
            problems.append(f"{source.name}: tokens are not the sum of its shards")
        if source.documents != sum(shard.documents for shard in source.shards):
            problems.append(f"{source.name}: documents are not the sum of its shards")
    if manifest.tokens != sum(source.tokens for source in manifest.sources):
        problems.append(f"{MANIFEST}: tokens are not the sum of the sources")
    return problems


def _verify_shard(arrays: TokenArrays, shard: TokenShard) -> Iterator[str]:
    ids, offsets, manifest = arrays.ids(shard), arrays.offsets(shard), arrays.manifest
    if _sha256(ids) != shard.sha256:
        yield "its bytes are not those that were written (sha256)"
    top = int(ids.max())
    if top != shard.max_token_id or top >= manifest.vocab_size:
        yield f"largest id {top}, {shard.max_token_id} in a vocabulary of {manifest.vocab_size}"
    if offsets[0] != 0 or offsets[-1] != shard.tokens or not (offsets[1:] > offsets[:-1]).all():
        yield "offsets do not rise from 0 to the number of tokens"
        return
    if not np.array_equal(np.flatnonzero(ids == manifest.eos_id) + 1, offsets[1:].astype(np.int64)):
        yield "ends of documents and end-of-text tokens are not the same"
    if problem := _verify_rows(
        arrays.folder / f"{shard.file.removesuffix('.npy')}.csv.gz", offsets
    ):
        yield problem


def _verify_rows(path: Path, offsets: npt.NDArray[np.uint64]) -> str | None:
    """The csv.gz names the same documents as the offsets."""
    starts, ends = array("Q"), array("Q")
    csv.field_size_limit(sys.maxsize)  # an id may be as long as it likes
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                starts.append(int(row[0]))
                ends.append(int(row[1]))
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        return f"{path.name} cannot be read: {error}"
    if not (np.array_equal(starts, offsets[:-1]) and np.array_equal(ends, offsets[1:])):
        return f"{path.name} has other documents"
    return None


def _sha256(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(array), 1 << 24):
        digest.update(array[start : start + (1 << 24)].data)
    return digest.hexdigest()
