"""datasketch's MinHash, scheme affine32, in bulk (which draws the permutations once)."""

from itertools import pairwise
from typing import Any

import numpy as np
from datasketch import MinHash

from benchmarks.sides.shingles import shingles


class Shingle:
    """The shingle sets alone: what every Python tool pays before it signs."""

    def __init__(self, texts: list[str], bands: int, rows: int, shingle: int, seed: int) -> None:
        self.texts, self.shingle = texts, shingle
        self.settings = {"num_perm": bands * rows, "seed": seed, "scheme": "affine32"}

    def ready(self) -> None: ...

    def run(self) -> Any:
        return [shingles(text, self.shingle) for text in self.texts]

    def told(self, sets: list[set[bytes]]) -> list[int]:
        return [len(made) for made in sets]


class Sign(Shingle):
    def run(self) -> list[Any]:
        return MinHash.bulk((shingles(text, self.shingle) for text in self.texts), **self.settings)

    def told(self, signed: list[Any]) -> list[list[int]]:
        return [minhash.hashvalues.tolist() for minhash in signed]


class SignHashes:
    """From given hashes: the function that hashes a value returns it."""

    def __init__(self, _texts: list[str], hashes: str, offsets: str, count: int, seed: int) -> None:
        values = (np.load(hashes) & np.uint64(0xFFFFFFFF)).tolist()
        self.sets = [values[start:end] for start, end in pairwise(np.load(offsets).tolist())]
        self.settings = {"num_perm": count, "seed": seed, "scheme": "affine32", "hashfunc": int}

    def ready(self) -> None: ...

    def run(self) -> list[Any]:
        return MinHash.bulk(self.sets, **self.settings)

    def told(self, signed: list[Any]) -> list[list[int]]:
        return [minhash.hashvalues.tolist() for minhash in signed]
