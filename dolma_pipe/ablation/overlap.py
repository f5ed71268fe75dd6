"""Which held-out documents were trained on: n-grams of token ids in common."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.kernels.jit import F64, I64, U64
from dolma_pipe.tokens import TokenArrays

NGRAM = 13
"""Tokens (Brown et al. 2020, appendix C, look for 13 words)."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Ids = npt.NDArray[np.unsignedinteger[Any]]


def seen_share(ids: Ids, borders: I64, trained: TokenArrays) -> F64:
    """float64[documents]: the share of a document's n-grams that the training arrays have, too.

    ids: document d is ids[borders[d]:borders[d + 1]] with its end of text, which no n-gram of it
    has. NaN for a document that is too short for one. Memory goes by ids, not by what is trained.
    """
    starts, documents = _places(borders)
    grams = _hashes(ids)[starts]
    unique, which = np.unique(grams, return_inverse=True)
    seen = np.zeros(len(unique), np.bool_)
    for found in _trained_hashes(trained) if len(unique) else ():
        at = np.minimum(np.searchsorted(unique, found), len(unique) - 1)
        seen[at[unique[at] == found]] = True
    counts = np.bincount(documents, minlength=len(borders) - 1)
    hits = np.bincount(documents, seen[which].astype(np.float64), len(borders) - 1)
    return np.where(counts > 0, hits / np.maximum(1, counts), np.nan)


def _places(borders: I64) -> tuple[I64, I64]:
    """Where n-grams begin, and whose they are: int64[n-grams] both."""
    counts = np.maximum(0, np.diff(borders) - NGRAM)  # the end of text is in none
    documents = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(documents)) - np.repeat(np.cumsum(counts) - counts, counts)
    return borders[:-1][documents] + within, documents


def _trained_hashes(arrays: TokenArrays) -> Iterator[U64]:
    for shard in arrays.shards():
        before = np.empty(0, arrays.dtype)
        for chunk in arrays.chunks(shard):
            ids = np.concatenate((before, chunk))
            yield _hashes(ids)
            before = ids[1 - NGRAM :]


def _hashes(ids: Ids) -> U64:
    """uint64[tokens - NGRAM + 1]: a polynomial of each n-gram, modulo 2^64."""
    count = max(0, len(ids) - NGRAM + 1)
    total: U64 = np.zeros(count, np.uint64)
    for k in range(NGRAM):
        total = total * MULTIPLIER + (ids[k : k + count].astype(np.uint64) + np.uint64(1))
    return total
