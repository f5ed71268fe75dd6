"""Write token arrays as other trainers read them; every byte is checked on its way.

megatron   SOURCE.bin and SOURCE.idx, a sequence a document, its EOS included (--append-eod)
llmc       SOURCE/part-00000.bin; llm.c has the end of text before each document, not after it
nanogpt    train.bin: all ids, raw

None of them has a place for a loss mask.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import CHUNK_TOKENS, TokenArrays, Tokens
from dolma_pipe.tokens.formats import LLMC_MAGIC, MEGATRON_HEADER, MEGATRON_MAGIC
from dolma_pipe.tokens.manifest import TokenShard
from dolma_pipe.work import atomic_folder, atomic_write

Sources = Mapping[str, Sequence[TokenShard]]
WHOLE = "all"
"""Name of the array that holds every source."""
LARGEST = (1 << 31) - 1
"""Of an int32: tokens of an llm.c array, tokens of a Megatron sequence."""


def export_arrays(
    arrays: TokenArrays, out: Path, to: str, *, source: str | None = None, whole: bool = False
) -> list[str]:
    """Write all sources, or one, to the folder out; returns the files, relative to it.

    whole: one array for all sources where the format would have one each (megatron). Raises
    TokensError where the arrays are damaged or do not fit the format; nothing is left then.
    """
    sources = {s.name: s.shards for s in arrays.sources(source) if s.shards}
    if not sources:
        raise TokensError(f"no tokens in {arrays.name}")
    if whole:
        sources = {WHOLE: tuple(shard for shards in sources.values() for shard in shards)}
    with atomic_folder(out) as folder:
        return FORMATS[to](arrays, sources, folder)


def unmasked(arrays: TokenArrays, source: str | None = None) -> list[str]:
    """A line for each source whose loss mask no export can carry."""
    told = []
    for of_source in arrays.sources(source):
        masked = [shard for shard in of_source.shards if shard.targets is not None]
        if masked:
            others = sum(shard.tokens - (shard.targets or 0) for shard in masked)
            told.append(
                f"{of_source.name}: the loss mask is left out: {others:,} of {of_source.tokens:,} "
                "tokens were no targets and are now"
            )
    return told


def _megatron(arrays: TokenArrays, sources: Sources, folder: Path) -> list[str]:
    for name, shards in sources.items():
        with atomic_write(folder / f"{name}.bin") as file:
            for shard in shards:
                _write(file, _checked(arrays, shard))
        with atomic_write(folder / f"{name}.idx") as file:
            _write_index(file, arrays, shards)
    return [f"{name}{ending}" for name in sources for ending in (".bin", ".idx")]


def _write_index(file: IO[bytes], arrays: TokenArrays, shards: Sequence[TokenShard]) -> None:
    documents = sum(shard.documents for shard in shards)
    # uint16, or int32: Megatron has no uint32, and no vocabulary needs its last bit
    code, itemsize = (8, 2) if arrays.dtype.itemsize == 2 else (4, 4)
    file.write(MEGATRON_HEADER.pack(MEGATRON_MAGIC, 1, code, documents, documents + 1))
    for shard in shards:
        ids = arrays.ids(shard)
        for borders in arrays.borders(shard):
            if (ids[borders[1:] - 1] != arrays.manifest.eos_id).any():
                raise TokensError(f"{shard.file}: offsets are not where its documents end")
            lengths = np.diff(borders)
            if lengths.max() > LARGEST:
                raise TokensError(
                    f"{shard.file}: a document of {lengths.max()} tokens, Megatron takes {LARGEST}"
                )
            file.write(lengths.astype("<i4").data)
    before = 0
    for shard in shards:
        for borders in arrays.borders(shard):
            file.write(((borders[:-1] + before) * itemsize).astype("<i8").data)
        before += shard.tokens
    for start in range(0, documents + 1, CHUNK_TOKENS):
        end = min(start + CHUNK_TOKENS, documents + 1)
        file.write(np.arange(start, end, dtype="<i8").data)


def _llmc(arrays: TokenArrays, sources: Sources, folder: Path) -> list[str]:
    files = []
    for shard in _all(sources):
        _fits_uint16(shard)
        if shard.tokens > LARGEST:
            raise TokensError(f"{shard.file}: {shard.tokens} tokens, llm.c takes {LARGEST}")
        files.append(f"{shard.file.removesuffix('.npy')}.bin")
        header = np.zeros(256, "<i4")
        header[:3] = LLMC_MAGIC, 1, shard.tokens
        with atomic_write(folder / files[-1]) as file:
            file.write(header.data)
            # the end of text before the first document; that of the last one is left out
            file.write(np.array([arrays.manifest.eos_id], "<u2").data)
            left = shard.tokens - 1
            for ids in _checked(arrays, shard):
                file.write(ids[:left].astype("<u2", copy=False).data)
                left -= len(ids)
    return files


def _nanogpt(arrays: TokenArrays, sources: Sources, folder: Path) -> list[str]:
    with atomic_write(folder / "train.bin") as file:
        for shard in _all(sources):
            _fits_uint16(shard)
            _write(file, (ids.astype("<u2", copy=False) for ids in _checked(arrays, shard)))
    return ["train.bin"]


FORMATS: dict[str, Callable[[TokenArrays, Sources, Path], list[str]]] = {
    "megatron": _megatron,
    "llmc": _llmc,
    "nanogpt": _nanogpt,
}


def _all(sources: Sources) -> Iterator[TokenShard]:
    for shards in sources.values():
        yield from shards


def _fits_uint16(shard: TokenShard) -> None:
    if shard.max_token_id >= 1 << 16:
        raise TokensError(f"{shard.file}: id {shard.max_token_id} does not fit into uint16")


def _write(file: IO[bytes], chunks: Iterator[Tokens]) -> None:
    for ids in chunks:
        file.write(ids.data)


def _checked(arrays: TokenArrays, shard: TokenShard) -> Iterator[Any]:
    """The ids of a shard. Raises TokensError at their end where the bytes are not those written."""
    digest = hashlib.sha256()
    for ids in arrays.chunks(shard):
        digest.update(ids.data)
        yield ids
    if digest.hexdigest() != shard.sha256:
        raise TokensError(f"{shard.file}: its bytes are not those that were written (sha256)")
