"""Token arrays: raw ids on disk, a manifest that says what they are, writer, reader and check.

    manifest.json                     order of sources and shards, dtype, special ids, sha256
    token_bytes.u16                   uint16[vocabulary]: bytes of text behind each token
    <source>/part-00000.npy           raw little-endian ids without a header, what np.memmap reads
    <source>/part-00000.offsets.u64   uint64[documents + 1]
    <source>/part-00000.csv.gz        start,end,id,src,loc: a row a document

Needs numpy and msgspec only: the trainer imports this.
"""

import csv
import gzip
import hashlib
import io
import sys
import zlib
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.work import atomic_write, write_json

FORMAT = "dolma-pipe tokens"
VERSION = 1
MANIFEST = "manifest.json"
TOKEN_BYTES = "token_bytes.u16"
BUFFERED_TOKENS = 1 << 20

Tokens = npt.NDArray[np.unsignedinteger[Any]]


class TokenShard(msgspec.Struct, frozen=True, kw_only=True):
    """One array. file is relative to the manifest; sha256 is that of its bytes."""

    file: str
    documents: int
    tokens: int
    max_token_id: int
    sha256: str


class TokenSource(msgspec.Struct, frozen=True, kw_only=True):
    """The arrays of one source, in order."""

    name: str
    documents: int
    tokens: int
    shards: tuple[TokenShard, ...]


class TokenizerStamp(msgspec.Struct, frozen=True, kw_only=True):
    """Which tokenizer made the ids: its name or path in the recipe, and the sha256 of its json."""

    name: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that a reader needs to know; the only source of order.

    counts: what every stage before let through, as the run tells it.
    """

    format: str = FORMAT
    version: int = VERSION
    dtype: str
    vocab_size: int
    eos_id: int
    pad_id: int | None
    tokenizer: TokenizerStamp
    token_bytes_sha256: str
    seed: int
    fingerprint: str
    documents: int
    tokens: int
    sources: tuple[TokenSource, ...]
    counts: dict[str, Any] = {}


class TokenWriter:
    """Appends documents to one array; use `write_tokens`."""

    def __init__(
        self, ids: IO[bytes], rows: IO[str], dtype: np.dtype[Any], vocab_size: int, eos_id: int
    ) -> None:
        self._file = ids
        self._rows = csv.writer(rows, lineterminator="\n")
        # the csv module leaves a lone carriage return bare, and readers end the row there
        self._quoted_rows = csv.writer(rows, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._dtype = dtype
        self._vocab_size = vocab_size
        self._eos_id = eos_id
        self._held: list[Tokens] = []
        self._held_tokens = 0
        self._hash = hashlib.sha256()
        self.ends = array("Q", [0])
        self.max_token_id = 0

    def add(self, ids: Tokens, document_id: str, src: str, loc: int) -> None:
        """Append one document, ids[tokens] with its EOS; it came from line loc of src."""
        if not len(ids) or ids[-1] != self._eos_id:
            raise TokensError(f"document {document_id} does not end with token {self._eos_id}")
        start = self.ends[-1]
        self.ends.append(start + len(ids))
        rows = self._quoted_rows if "\r" in document_id + src else self._rows
        rows.writerow((start, self.ends[-1], document_id, src, loc))
        self._held.append(ids)
        self._held_tokens += len(ids)
        if self._held_tokens >= BUFFERED_TOKENS:
            self.flush()

    def flush(self) -> None:
        """Write what is held. Raises TokensError for an id outside of the vocabulary."""
        if not self._held:
            return
        ids = np.concatenate(self._held)
        self.max_token_id = max(self.max_token_id, int(ids.max()))
        if self.max_token_id >= self._vocab_size:
            raise TokensError(f"token id {self.max_token_id} in a vocabulary of {self._vocab_size}")
        content = ids.astype(self._dtype, copy=False).tobytes()
        self._hash.update(content)
        self._file.write(content)
        self._held, self._held_tokens = [], 0

    def shard(self, file: str) -> TokenShard:
        """The manifest's entry, after all was flushed."""
        return TokenShard(
            file=file,
            documents=len(self.ends) - 1,
            tokens=self.ends[-1],
            max_token_id=self.max_token_id,
            sha256=self._hash.hexdigest(),
        )


@contextmanager
def write_tokens(
    prefix: Path, dtype: np.dtype[Any], vocab_size: int, eos_id: int
) -> Iterator[TokenWriter]:
    """Write prefix.npy, .offsets.u64 and .csv.gz; they appear when the block ends well.

    Raises TokensError for an empty shard: np.memmap cannot read one.
    """
    with ExitStack() as files:
        file = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".npy")))
        offsets = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".offsets.u64")))
        packed = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".csv.gz")))
        # no time and no name in the gzip header: the same bytes on every run
        unpacked = files.enter_context(
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0)
        )
        rows = files.enter_context(io.TextIOWrapper(unpacked, "utf-8", newline=""))
        writer = TokenWriter(file, rows, dtype, vocab_size, eos_id)
        yield writer
        writer.flush()
        if len(writer.ends) == 1:
            raise TokensError(f"{prefix}: no document in it")
        offsets.write(np.array(writer.ends, "<u8").tobytes())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Last of all: without it a folder holds no token arrays."""
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Raises TokensError where there is none, or it is not one that this version reads."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokensError(f"no token arrays in {folder}: {MANIFEST}: {error}") from None
    if manifest.format != FORMAT or manifest.version != VERSION:
        found = f"{manifest.format} {manifest.version}"
        raise TokensError(f"{folder / MANIFEST} is {found}, not {FORMAT} {VERSION}")
    return manifest


class TokenArrays:
    """Token arrays of a folder, read through np.memmap: nothing is loaded that is not asked for."""

    def __init__(self, folder: Path | str) -> None:
        """Raises TokensError where the folder holds no manifest."""
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder)
        self.dtype = np.dtype(self.manifest.dtype).newbyteorder("<")

    def shards(self, source: str | None = None) -> list[TokenShard]:
        """Shards in the order of the manifest, of all sources or of one."""
        chosen = [s for s in self.manifest.sources if source in (None, s.name)]
        if source is not None and not chosen:
            names = ", ".join(s.name for s in self.manifest.sources)
            raise TokensError(f"no source {source} in {self.folder} (it has {names})")
        return [shard for s in chosen for shard in s.shards]

    def ids(self, shard: TokenShard) -> Tokens:
        """Token ids of a shard, [tokens]. Raises TokensError where the file has another size."""
        return self._map(self.folder / shard.file, self.dtype, shard.tokens)

    def offsets(self, shard: TokenShard) -> npt.NDArray[np.uint64]:
        """uint64[documents + 1]: document d is ids[offsets[d]:offsets[d + 1]], EOS included."""
        path = self.folder / f"{shard.file.removesuffix('.npy')}.offsets.u64"
        return self._map(path, np.dtype("<u8"), shard.documents + 1)

    def document(self, number: int, source: str | None = None) -> Tokens:
        """Ids of one document, EOS included; numbers run through all shards, or a source's."""
        left = number
        for shard in self.shards(source) if number >= 0 else []:
            if left < shard.documents:
                start, end = self.offsets(shard)[left : left + 2].tolist()
                return self.ids(shard)[start:end]
            left -= shard.documents
        raise TokensError(f"there is no document {number} in {self.folder}")

    def token_bytes(self) -> npt.NDArray[np.uint16]:
        """uint16[vocabulary]: bytes of text behind each token; 0 for special tokens."""
        return self._map(self.folder / TOKEN_BYTES, np.dtype("<u2"), self.manifest.vocab_size)

    def _map(self, path: Path, dtype: np.dtype[Any], length: int) -> npt.NDArray[Any]:
        try:
            size = path.stat().st_size
            if size != length * dtype.itemsize:
                raise TokensError(f"{path}: {size} bytes, {length * dtype.itemsize} expected")
            return np.memmap(path, dtype, "r")
        except OSError as error:
            raise TokensError(f"{path}: {error.strerror}") from None


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
    return problems


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
