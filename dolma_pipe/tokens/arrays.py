"""Read token arrays through np.memmap: nothing is loaded that is not asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.manifest import TOKEN_BYTES, TokenShard, read_manifest

Tokens = npt.NDArray[np.unsignedinteger[Any]]


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
