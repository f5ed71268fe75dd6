"""How much of one corpus is in another, by the keys that are known of both."""

import math
from collections.abc import Callable, Mapping
from itertools import permutations

import numpy as np

from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.statistics.settings import DOCUMENTS, DOMAINS, OVERLAP, URLS
from dolma_pipe.statistics.summary import (
    EVERY_KEY,
    NORMAL_95,
    Range,
    Summary,
    common,
    proportion,
    up_to,
)
from dolma_pipe.statistics.told import Overlap, Shared, bounded

DIGITS = 6
"""Of shares."""
TABLES = {"documents": DOCUMENTS, "ngrams": OVERLAP, "urls": URLS, "domains": DOMAINS}
"""Field of Overlap -> table."""


def overlaps(
    names: list[str], tables: Mapping[str, object], read: Callable[[str, str], Summary]
) -> list[Overlap]:
    """Of every two corpora, both ways. read: the summary of a corpus and a table."""
    found = []
    for a, b in permutations(names, 2):
        parts = {
            field: shared(read(a, table), read(b, table)) if table in tables else None
            for field, table in TABLES.items()
        }
        found.append(Overlap(a, b, **parts))
    return found


def shared(first: Summary, second: Summary) -> Shared:
    """What of the first is in the second.

    Of keys up to the lower limit it is known for sure, and they are a uniform sample.
    """
    limit = min(first.limit, second.limit)
    exact = limit == EVERY_KEY
    mine = up_to(first.known, limit)
    at, _ = common(mine, up_to(second.known, limit))
    share = proportion(len(at), len(mine.keys), exact=exact)
    all_of_it = _of_all(mine.counts, at, exact)
    distinct = first.distinct()
    number = Range(*(x * y for x, y in zip(share, distinct, strict=True)))
    return Shared(bounded(share, digits=DIGITS), bounded(all_of_it, digits=DIGITS), bounded(number))


def _of_all(counts: U64, chosen: I64, exact: bool) -> Range:
    """The share of all occurrences: a ratio estimate over the sample, its error by linearisation
    (Cochran 1977, 6.4)."""
    total = int(counts.sum())
    if not total:
        return proportion(0, 0, exact=exact)
    share = int(counts[chosen].sum()) / total
    if exact:
        return Range(share, share, share)
    weights, is_chosen = counts.astype(np.float64), np.zeros(len(counts))
    is_chosen[chosen] = 1.0
    error = NORMAL_95 * math.sqrt(float((weights**2 * (is_chosen - share) ** 2).sum())) / total
    least = proportion(len(chosen), len(counts), exact=False)
    half = max(error, (least.upper - least.lower) / 2)  # of a few keys the variance says nothing
    return Range(share, max(0.0, share - half), min(1.0, share + half))
