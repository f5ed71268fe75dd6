"""Take in token arrays of other tools: the same ids as token arrays of ours, all checked."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.documents import Document, Documents
from dolma_pipe.tokens.formats import Array, open_array
from dolma_pipe.tokens.manifest import (
    LOSS,
    MANIFEST,
    TOKEN_BYTES,
    TOKENIZER,
    Manifest,
    TokenizerStamp,
    TokenShard,
    id_type,
    source_of,
    write_manifest,
)
from dolma_pipe.tokens.writer import write_tokens
from dolma_pipe.work import atomic_folder, atomic_write

ARRAYS = (".npy", ".bin", ".idx")
BESIDE = (".csv.gz", ".offsets.u64", ".u8", ".u16", ".json")
"""What a glob finds, too, where arrays are."""
SAMPLED = 1 << 16
"""Ids, whose type is checked."""


class Vocabulary(NamedTuple):
    """What the tokenizer of the arrays says. token_bytes: uint16[size], as in token_bytes.u16."""

    tokenizer: TokenizerStamp
    size: int
    eos_id: int
    pad_id: int | None
    token_bytes: npt.NDArray[np.uint16]
    tokenizer_json: bytes | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian uint16 up to 65,536 ids, uint32 above."""
        return np.dtype(id_type(self.size)).newbyteorder("<")


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the arrays.

    dtype: of ids without a header. eos_first: the end of text stands before each document, as it
    always does in arrays of llm.c. add_eos: give documents without one theirs, or refuse them.
    """

    dtype: str | None = None
    eos_first: bool = False
    add_eos: bool = False
    max_shard_tokens: int = 1 << 29


class Input(NamedTuple):
    """An array, and the source that it becomes a part of."""

    source: str
    path: Path


def find_arrays(paths: Iterable[Path], source: str | None = None) -> list[Input]:
    """Arrays under paths, and the source of each: the name given, or a folder's.

    That is the first folder below the path, or where there is none the one that the array lies in;
    one of Megatron's gives its own name then. Of a work directory tokens/ is taken. Raises
    TokensError where a path leads to none.
    """
    found: dict[Path, str] = {}
    for path in paths:
        if not path.exists():
            raise TokensError(f"{path} is not there")
        if (path / "tokens" / MANIFEST).exists():  # a work directory, not its held_out/
            path = path / "tokens"
        folder = path if path.is_dir() else path.parent
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in ARRAYS)
            if not files:
                raise TokensError(f"{path}: no arrays in it ({', '.join(ARRAYS)})")
        for file in files:
            if file.name.endswith(BESIDE):
                continue
            indexed = file.suffix in (".bin", ".idx") and file.with_suffix(".idx").exists()
            below = file.relative_to(folder).parts
            name = below[0] if len(below) > 1 else file.stem if indexed else folder.resolve().name
            found[file.with_suffix(".bin") if indexed else file] = source or name
    return [Input(name, path) for path, name in found.items()]


def import_arrays(
    inputs: Sequence[Input], out: Path, vocabulary: Vocabulary, settings: ImportSettings
) -> tuple[Manifest, list[str]]:
    """Write the arrays of inputs to the folder out; returns its manifest and what to tell.

    Raises TokensError for an array that is not whole or not of this vocabulary; out is not made
    then. The inputs are only read.
    """
    if vocabulary.eos_id >= vocabulary.size:
        raise TokensError(f"end of text {vocabulary.eos_id} in a vocabulary of {vocabulary.size}")
    notes: list[str] = []
    shards: dict[str, list[TokenShard]] = {}
    origin: dict[str, str] = {}
    with atomic_folder(out) as folder:
        for source, path in inputs:
            of_source = shards.setdefault(source, [])
            array = _open(path, settings.dtype, vocabulary.size)
            documents = Documents(
                array, vocabulary.eos_id, eos_first=settings.eos_first, add_eos=settings.add_eos
            )
            try:
                files = folder / source, len(of_source)
                for shard in _write(iter(documents), *files, vocabulary, settings):
                    of_source.append(shard)
                    origin[shard.file] = str(path)
            except TokensError as error:
                raise TokensError(
                    f"{path}: {error}".replace(f"{path}: {path}", str(path))
                ) from None
            notes += [f"{path}: {note}" for note in documents.notes()]
        if not origin:
            raise TokensError("; ".join(notes))
        sizes = vocabulary.token_bytes.astype("<u2").tobytes()
        with atomic_write(folder / TOKEN_BYTES) as file:
            file.write(sizes)
        if vocabulary.tokenizer_json is not None:
            (folder / TOKENIZER).write_bytes(vocabulary.tokenizer_json)
        manifest = _manifest(shards, vocabulary, hashlib.sha256(sizes).hexdigest(), origin)
        write_manifest(folder, manifest)
    return manifest, notes


def _open(path: Path, dtype: str | None, size: int) -> Array:
    """Raises TokensError, too, where the ids seem to be of another type than dtype."""
    if (mask := path.with_suffix(LOSS)).exists():
        raise TokensError(f"{path} has a loss mask ({mask.name}), which would be lost: copy it")
    array = open_array(path, dtype)
    ids = array.ids[:SAMPLED]
    if array.format == "raw" and ids.itemsize == 2 and ids[::2].any() and not ids[1::2].any():
        raise TokensError(f"{path}: every second id is 0: --dtype uint32?")
    if array.format == "raw" and ids.itemsize == 4 and 2 * np.sum(ids >= size) > len(ids):
        raise TokensError(f"{path}: most ids are not below {size}: --dtype uint16?")
    return array


def _write(
    documents: Iterator[Document],
    folder: Path,
    number: int,
    vocabulary: Vocabulary,
    settings: ImportSettings,
) -> Iterator[TokenShard]:
    """Write one array of ours, or more where it would be larger than max_shard_tokens."""
    document = next(documents, None)
    while document is not None:
        prefix = folder / f"part-{number:05d}"
        with write_tokens(prefix, vocabulary.dtype, vocabulary.size, vocabulary.eos_id) as writer:
            while document is not None and writer.has_room(document.ids, settings.max_shard_tokens):
                writer.add(*document)
                document = next(documents, None)
        yield writer.shard(f"{folder.name}/{prefix.name}.npy")
        number += 1


def _manifest(
    shards: dict[str, list[TokenShard]], vocabulary: Vocabulary, sizes: str, origin: dict[str, str]
) -> Manifest:
    sources = tuple(source_of(name, of_source) for name, of_source in shards.items() if of_source)
    content = "".join(shard.sha256 for source in sources for shard in source.shards)
    return Manifest(
        dtype=id_type(vocabulary.size),
        vocab_size=vocabulary.size,
        eos_id=vocabulary.eos_id,
        pad_id=vocabulary.pad_id,
        tokenizer=vocabulary.tokenizer,
        token_bytes_sha256=sizes,
        seed=0,
        fingerprint=hashlib.sha256(content.encode()).hexdigest()[:32],
        documents=sum(source.documents for source in sources),
        tokens=sum(source.tokens for source in sources),
        sources=sources,
        counts={"imported": origin},
    )
