"""Sets: what decides whether two documents are copies, a set of hashes each, a table a method.

minhash: the shingles. ast: the subtrees, which were kept when the keys were made. semantic: the
vector, in words, for which being a set does not matter.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from dolma_pipe.dedup_index import IndexFiles
from dolma_pipe.entries import MinHash
from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.kernels.shingles import shingles_of
from dolma_pipe.stages.dedup.live import read_rows
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.stages.dedup.stored_sets import read_stored
from dolma_pipe.stages.dedup.structure import read_structures
from dolma_pipe.stages.dedup.vectors import read_words


def read_sets(plan: Plan, shard: int, rows: I64) -> Iterator[list[U64]]:
    """The sets of these rows (ascending), some megabytes of text at a time.

    Each is sorted, distinct and without 0, but for semantic.
    """
    of = plan.shards[shard]
    if of.index is not None:
        return read_stored(IndexFiles(of.index).sets(of.key, plan.number), rows)
    return _READERS[plan.entry.method](plan, shard, rows)


def _read_shingles(plan: Plan, shard: int, rows: I64) -> Iterator[list[U64]]:
    assert isinstance(plan.entry, MinHash)
    for texts in read_rows(plan, shard, rows):
        yield shingle_sets(plan.entry, texts.text, texts.offsets)


def shingle_sets(entry: MinHash, text: U8, offsets: I64) -> list[U64]:
    """The set of each text."""
    documents = np.arange(len(offsets) - 1)
    values, borders = shingles_of(text, offsets, documents, entry.shingle)
    return [np.unique(values[a:b]) for a, b in pairwise(borders.tolist())]


_READERS: dict[str, Callable[[Plan, int, I64], Iterator[list[U64]]]] = {
    "minhash": _read_shingles,
    "ast": read_structures,
    "semantic": read_words,
}
