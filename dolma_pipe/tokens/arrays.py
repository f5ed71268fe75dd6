"""Read token arrays through np.memmap: nothing is loaded that is not asked for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.manifest import (
    LOSS,
    TOKEN_BYTES,
    TOKENIZER,
    TokenShard,
    TokenSource,
    read_manifest,
)

Tokens = npt.NDArray[np.unsignedinteger[Any]]
CHUNK_TOKENS = 1 << 20
BLOCK_DOCUMENTS = 1 << 18


class TokenArrays:
    """Token arrays of a folder, read through np.memmap: nothing is loaded that is not asked for."""

    def __init__(self, folder: Path | str) -> None:
        """Raises TokensError where the folder holds no manifest."""
        self.folder = Path(folder)
        self.name = str(folder)
        self.manifest = read_manifest(self.folder)
        self.dtype = np.dtype(self.manifest.dtype).newbyteorder("<")

    def path(self, file: str) -> Path:
        """Where a file of the arrays lies; it may be fetched there first."""
        return self.folder / file

    def found(self) -> set[str]:
        """Every .npy that is there, whatever the manifest says."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.npy")}

    def sources(self, name: str | None = None) -> list[TokenSource]:
        """All sources, or one. Raises TokensError for a name that is none."""
        chosen = [s for s in self.manifest.sources if name in (None, s.name)]
        if name is not None and not chosen:
            names = ", ".join(s.name for s in self.manifest.sources)
            raise TokensError(f"no source {name} in {self.name} (it has {names})")
        return chosen

    def shards(self, source: str | None = None) -> list[TokenShard]:
        """Shards in the order of the manifest, of all sources or of one."""
        return [shard for s in self.sources(source) for shard in s.shards]

    def ids(self, shard: TokenShard) -> Tokens:
        """Ids of a shard, uint16 or uint32[tokens], mapped.

        Raises TokensError where the file has another size.
        """
        return self._mapped(shard.file, self.dtype, shard.tokens)

    def chunks(self, shard: TokenShard) -> Iterator[Tokens]:
        """The same ids, a million at a time: read, not mapped, so that memory is bounded."""
        path, name = self.path(shard.file), f"{self.name}/{shard.file}"
        _check_size(path, self.dtype, shard.tokens, name)
        with _told(name), path.open("rb") as file:
            while len(ids := np.fromfile(file, self.dtype, CHUNK_TOKENS)):
                yield ids

    def offsets(self, shard: TokenShard) -> npt.NDArray[np.uint64]:
        """uint64[documents + 1]: document d is ids[offsets[d]:offsets[d + 1]], EOS included."""
        return self._mapped(f"{shard.stem}.offsets.u64", np.dtype("<u8"), shard.documents + 1)

    def loss(self, shard: TokenShard) -> npt.NDArray[np.uint8] | None:
        """uint8[tokens]: 1 where the token is a target, 0 where it is not; None: all are.

        In a shard that has one an end of text may stand inside of a document.
        """
        if shard.loss_sha256 is None:
            return None
        return self._mapped(f"{shard.stem}{LOSS}", np.dtype(np.uint8), shard.tokens)

    def borders(self, shard: TokenShard) -> Iterator[npt.NDArray[np.int64]]:
        """Where documents begin and end, int64[documents + 1], some of them at a time.

        Raises TokensError where the offsets do not rise from 0 to the tokens of the shard.
        """
        offsets = self.offsets(shard)
        if offsets[0] != 0 or offsets[-1] != shard.tokens:
            raise TokensError(f"{shard.file}: offsets do not go from 0 to {shard.tokens}")
        for start in range(0, shard.documents, BLOCK_DOCUMENTS):
            borders = offsets[start : start + BLOCK_DOCUMENTS + 1].astype(np.int64)
            if not (borders[1:] > borders[:-1]).all():
                raise TokensError(f"{shard.file}: offsets do not rise")
            yield borders

    def rows_file(self, shard: TokenShard) -> Path:
        """The csv.gz that says where each document comes from."""
        return self.path(f"{shard.stem}.csv.gz")

    def document(self, number: int, source: str | None = None) -> Tokens:
        """Ids of one document, [tokens], EOS included; numbers run through all shards, or one
        source's. Raises TokensError where there is no such document.
        """
        shard, start, end = self._document(number, source)
        return self.ids(shard)[start:end]

    def document_loss(self, number: int, source: str | None = None) -> npt.NDArray[np.uint8] | None:
        """uint8[tokens] of one document: 1 where the token is a target; None: all are."""
        shard, start, end = self._document(number, source)
        loss = self.loss(shard)
        return None if loss is None else loss[start:end]

    def _document(self, number: int, source: str | None) -> tuple[TokenShard, int, int]:
        left = number
        for shard in self.shards(source) if number >= 0 else []:
            if left < shard.documents:
                start, end = self.offsets(shard)[left : left + 2].tolist()
                return shard, start, end
            left -= shard.documents
        raise TokensError(f"there is no document {number} in {self.name}")

    def span(self, start: int, count: int, source: str | None = None) -> Tokens:
        """Up to count ids from token `start` on; numbers run through all shards, or a source's."""
        taken, left = [np.empty(0, self.dtype)], start
        for shard in self.shards(source) if start >= 0 else []:
            if left < shard.tokens and count:
                taken.append(self.ids(shard)[left : left + count])
                count -= len(taken[-1])
            left = max(0, left - shard.tokens)
        if len(taken) == 1:
            raise TokensError(f"there is no token {start} in {self.name}")
        return np.concatenate(taken)

    def token_bytes(self) -> npt.NDArray[np.uint16]:
        """uint16[vocabulary]: bytes of text behind each token; 0 for special tokens."""
        return self._mapped(TOKEN_BYTES, np.dtype("<u2"), self.manifest.vocab_size)

    def tokenizer_file(self) -> Path | None:
        """The tokenizer.json that made the ids; None for arrays that came without it.

        Raises TokensError where another one lies there than the manifest says.
        """
        try:
            path = self.path(TOKENIZER)
            content = path.read_bytes()
        except (FileNotFoundError, TokensError):
            return None
        if hashlib.sha256(content).hexdigest() != self.manifest.tokenizer.sha256:
            raise TokensError(f"{self.name}/{TOKENIZER} is not the tokenizer of the arrays")
        return path

    def _mapped(self, file: str, dtype: np.dtype[Any], length: int) -> npt.NDArray[Any]:
        return mapped(self.path(file), dtype, length, f"{self.name}/{file}")


def mapped(
    path: Path, dtype: np.dtype[Any], length: int, name: str | None = None
) -> npt.NDArray[Any]:
    """A raw array of this length, at least 1. name: what errors call it, if not its path.

    Raises TokensError where the file is another.
    """
    name = name or str(path)
    _check_size(path, dtype, length, name)
    with _told(name):
        return np.memmap(path, dtype, "r")


def _check_size(path: Path, dtype: np.dtype[Any], length: int, name: str) -> None:
    with _told(name):
        size = path.stat().st_size
    if size != (expected := max(1, length) * dtype.itemsize):
        raise TokensError(f"{name}: {size} bytes, {expected} expected")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TokensError(f"{name}: {error.strerror}") from None
