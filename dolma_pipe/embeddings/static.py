"""A static model: a vector a token; a document is the mean of its tokens' (model2vec, 2024)."""

import zipfile
from pathlib import Path

import numpy as np

from dolma_pipe.embeddings.base import Embedder
from dolma_pipe.embeddings.word_pieces import WordPieces
from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.jit import F64, I16, I64, U8
from dolma_pipe.kernels.pieces import add_rows
from dolma_pipe.kernels.vectors import unit_vectors
from dolma_pipe.work import atomic_write


class StaticEmbedder(Embedder):
    """Every token of a document counts, however long that is; sums are whole numbers."""

    def __init__(self, path: Path, name: str, fingerprint: str) -> None:
        """Raises AssetError where the file is not a static model."""
        self.name, self.fingerprint = name, fingerprint
        self._rows, tokenizer = read_static(path)
        self.dimensions = self._rows.shape[1]
        self._pieces = WordPieces(tokenizer, str(path), unknown=False)
        if len(self._pieces.spelling) > len(self._rows):
            raise AssetError(
                f"{path} has {len(self._rows)} vectors for {len(self._pieces.spelling)} tokens"
            )

    def embed(self, text: U8, offsets: I64) -> I16:
        sums = np.zeros((len(offsets) - 1, self.dimensions), np.int64)
        for tokens, documents in self._pieces.tokens(text, offsets):
            add_rows(self._rows, tokens, documents, sums)
        return unit_vectors(sums.astype(np.float64))


def write_static(path: Path, vectors: F64, tokenizer: bytes) -> None:
    """vectors: float64[tokens, dimensions]; only their directions and relative lengths count."""
    largest = float(np.abs(vectors).max(initial=0.0)) or 1.0
    rows = np.rint(vectors * (32767 / largest)).astype(np.int16)
    content = np.frombuffer(tokenizer, np.uint8)
    with atomic_write(path) as file:
        np.savez(file, rows=rows, tokenizer=content)


def read_static(path: Path) -> tuple[I16, bytes]:
    """Rows, int16[tokens, dimensions], and the tokenizer.json. Raises AssetError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            rows, tokenizer = arrays["rows"], arrays["tokenizer"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise AssetError(f"{path} is not a static model ({error!s:.100})") from error
    if rows.dtype != np.int16 or rows.ndim != 2 or tokenizer.dtype != np.uint8:
        raise AssetError(f"{path} is not a static model (rows must be int16[tokens, dimensions])")
    return rows, tokenizer.tobytes()
