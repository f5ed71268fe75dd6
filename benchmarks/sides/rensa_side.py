"""rensa's R-MinHash, through the functions that sign many documents in one call."""

from typing import Any

import numpy as np
from rensa import RMinHash

from benchmarks.sides.shingles import shingles


class Sign:
    def __init__(self, texts: list[str], bands: int, rows: int, shingle: int, seed: int) -> None:
        self.texts, self.shingle = texts, shingle
        self.count, self.seed = bands * rows, seed

    def ready(self) -> None: ...

    def run(self) -> Any:
        sets = [shingles(text, self.shingle) for text in self.texts]
        return RMinHash.digest_matrix_from_token_byte_sets(sets, self.count, self.seed)

    def told(self, matrix: Any) -> list[list[int]]:
        return _rows(matrix)


class SignHashes:
    """From given hashes, in one flat array."""

    def __init__(self, _texts: list[str], hashes: str, offsets: str, count: int, seed: int) -> None:
        self.hashes, self.offsets = np.load(hashes), np.load(offsets).astype(np.uint64)
        self.count, self.seed = count, seed

    def ready(self) -> None: ...

    def run(self) -> Any:
        return RMinHash.digest_matrix_from_flat_token_hashes(
            self.hashes, self.offsets, self.count, self.seed
        )

    def told(self, matrix: Any) -> list[list[int]]:
        return _rows(matrix)


def _rows(matrix: Any) -> list[list[int]]:
    return np.asarray(matrix.to_rows()).tolist()
