"""Compare token arrays with their manifest, byte by byte, in memory that no size changes."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import CHUNK_TOKENS, TokenArrays
from dolma_pipe.tokens.manifest import MANIFEST, TOKEN_BYTES, Manifest, TokenShard
from dolma_pipe.tokens.packed_check import verify_plans
from dolma_pipe.tokens.rows import read_borders


def verify(folder: TokenArrays | Path | str, workers: int = 1) -> list[str]:
    """Read every byte and compare it with the manifest: one line for each thing that is wrong.

    workers: threads, a shard each. Raises TokensError where there is no manifest.
    """
    arrays = folder if isinstance(folder, TokenArrays) else TokenArrays(folder)
    problems = _verify_sums(arrays.manifest)
    shards = arrays.shards()
    known = {shard.file for shard in shards}
    problems += [f"{file}: is not in the manifest" for file in sorted(arrays.found() - known)]
    try:
        sizes = hashlib.sha256(arrays.token_bytes().data).hexdigest()
        if sizes != arrays.manifest.token_bytes_sha256:
            problems.append(f"{TOKEN_BYTES}: its bytes are not those that were written")
        arrays.tokenizer_file()
    except TokensError as error:
        problems.append(str(error))
    with ThreadPoolExecutor(workers) as pool:
        for of_shard in pool.map(partial(_verify_shard, arrays), shards):
            problems += of_shard
    return problems + verify_plans(arrays)


def _verify_sums(manifest: Manifest) -> list[str]:
    problems = []
    for source in manifest.sources:
        if source.tokens != sum(shard.tokens for shard in source.shards):
            problems.append(f"{source.name}: tokens are not the sum of its shards")
        if source.documents != sum(shard.documents for shard in source.shards):
            problems.append(f"{source.name}: documents are not the sum of its shards")
    for name in ("tokens", "documents"):
        total = sum(getattr(source, name) for source in manifest.sources)
        if getattr(manifest, name) != total:
            problems.append(f"{MANIFEST}: {name} are not the sum of the sources")
    return problems


def _verify_shard(arrays: TokenArrays, shard: TokenShard) -> list[str]:
    try:
        offsets = arrays.offsets(shard)
        found = [*_verify_ids(arrays, shard, offsets), *_verify_loss(arrays, shard)]
    except TokensError as error:  # names its file
        return [str(error)]
    problems = [f"{shard.file}: {problem}" for problem in found]
    try:
        if not _same_documents(arrays.rows_file(shard), offsets):
            problems.append(f"{shard.file}: its csv.gz has other documents")
    except TokensError as error:
        problems.append(str(error))
    return problems


def _verify_ids(
    arrays: TokenArrays, shard: TokenShard, offsets: npt.NDArray[np.uint64]
) -> Iterator[str]:
    """One pass: sha256, the largest id, and an end of text at each border and nowhere else.

    Inside of documents, too, where there is a loss mask: each turn of a conversation has one.
    """
    manifest, inside = arrays.manifest, shard.loss_sha256 is not None
    digest, top, start, ended, wrong = hashlib.sha256(), 0, 0, 0, -1
    for ids in arrays.chunks(shard):
        digest.update(ids.data)
        top = max(top, int(ids.max()))
        found = np.flatnonzero(ids == manifest.eos_id) + (start + 1)
        if inside:
            found = found[np.isin(found.astype(np.uint64), _of_chunk(offsets, start, len(ids)))]
        expected = offsets[ended + 1 : ended + 1 + len(found)].astype(np.int64)
        if wrong < 0 and not np.array_equal(found, expected):
            differs = np.flatnonzero(found[: len(expected)] != expected)
            wrong = ended + int(differs[0] if len(differs) else len(expected))
        ended += len(found)
        start += len(ids)
    if digest.hexdigest() != shard.sha256:
        yield "its bytes are not those that were written (sha256)"
    if top != shard.max_token_id or top >= manifest.vocab_size:
        yield f"largest id {top}, {shard.max_token_id} in a vocabulary of {manifest.vocab_size}"
    if offsets[0] != 0 or offsets[-1] != shard.tokens:
        yield f"offsets go from {offsets[0]} to {offsets[-1]}, not from 0 to {shard.tokens}"
    if wrong >= 0 or ended != shard.documents:
        yield (
            "ends of documents and end-of-text tokens are not the same from document "
            f"{wrong if wrong >= 0 else min(ended, shard.documents)} on"
        )


def _of_chunk(offsets: npt.NDArray[np.uint64], start: int, tokens: int) -> npt.NDArray[np.uint64]:
    """The borders in (start, start + tokens]."""
    first, last = np.searchsorted(offsets, np.array([start, start + tokens], np.uint64), "right")
    return offsets[first:last]


def _verify_loss(arrays: TokenArrays, shard: TokenShard) -> Iterator[str]:
    loss = arrays.loss(shard)
    if loss is None:
        return
    digest, targets, top = hashlib.sha256(), 0, 0
    for start in range(0, len(loss), CHUNK_TOKENS):
        chunk = loss[start : start + CHUNK_TOKENS]
        digest.update(chunk.data)
        targets += int(np.count_nonzero(chunk))
        top = max(top, int(chunk.max()))
    if digest.hexdigest() != shard.loss_sha256:
        yield "the bytes of its loss mask are not those that were written (sha256)"
    if top > 1:
        yield f"its loss mask has a {top}; 0 and 1 are known"
    if targets != shard.targets:
        yield f"its loss mask has {targets} targets, not {shard.targets}"


def _same_documents(path: Path, offsets: npt.NDArray[np.uint64]) -> bool:
    """The csv.gz names the same documents as the offsets."""
    done = 0
    for borders in read_borders(path):
        expected = offsets[done : done + len(borders) + 1].astype(np.int64)
        if not (
            np.array_equal(borders[:, 0], expected[:-1])
            and np.array_equal(borders[:, 1], expected[1:])
        ):
            return False
        done += len(borders)
    return done == len(offsets) - 1
