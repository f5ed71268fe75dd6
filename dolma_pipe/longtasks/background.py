"""How rare words are among the documents of a shard: what most of them have is about nothing."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, U64
from dolma_pipe.kernels.runs import letter_runs

SAMPLE_BYTES = 16 << 20
"""Of text from the head of a shard."""


class Background(NamedTuple):
    """hashes: uint64[words] ascending; rarities: float64[words], 0 (in all documents) to 1."""

    hashes: U64
    rarities: F64

    def of(self, hashes: U64) -> F64:
        """float64[hashes]: 1 for words that no document of the sample has."""
        found = np.ones(len(hashes))
        if len(self.hashes):
            places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
            known = self.hashes[places] == hashes
            found[known] = self.rarities[places[known]]
        return found


NO_BACKGROUND = Background(np.zeros(0, np.uint64), np.zeros(0))


def background_of(texts: Iterable[str]) -> Background:
    """Rarity is log((n + 1) / (documents with it + 1)) / log(n + 1), of the first n documents."""
    found: list[U64] = []
    size = 0
    for text in texts:
        content = np.frombuffer(text.encode(), np.uint8)
        found.append(np.unique(letter_runs(content).hashes))
        size += len(content)
        if size >= SAMPLE_BYTES:
            break
    if not found:
        return NO_BACKGROUND
    hashes, documents = np.unique(np.concatenate(found), return_counts=True)
    n = len(found) + 1
    return Background(hashes, np.log(n / (documents + 1)) / np.log(n))
