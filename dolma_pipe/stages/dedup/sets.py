"""Sets: what decides whether two documents are copies, a set of hashes each, a table a method.

minhash: the shingles. semantic: the vector, in words, for which being a set does not matter.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from dolma_pipe.curated import Texts
from dolma_pipe.entries import MinHash, Semantic
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.kernels.shingles import shingles_of
from dolma_pipe.stages.dedup.live import read_rows
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.stages.dedup.vectors import read_words


def read_sets(plan: Plan, shard: int, rows: I64) -> Iterator[list[U64]]:
    """The sets of these rows (ascending), some megabytes of text at a time.

    Each is sorted, distinct and without 0, but for semantic.
    """
    if isinstance(plan.entry, Semantic):
        yield from read_words(plan, shard, rows)
        return
    sets_of = _SETS[plan.entry.method]
    for texts in read_rows(plan, shard, rows):
        yield sets_of(plan.entry, texts)


def _shingles(entry: MinHash, texts: Texts) -> list[U64]:
    rows = np.arange(len(texts.rows))
    values, offsets = shingles_of(texts.text, texts.offsets, rows, entry.shingle)
    return [np.unique(values[a:b]) for a, b in pairwise(offsets.tolist())]


_SETS: dict[str, Callable[[Any, Texts], list[U64]]] = {"minhash": _shingles}
