"""Bands and rows of locality-sensitive hashing: which pairs become candidates.

Source: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4.
"""

from functools import cache
from typing import NamedTuple

from dolma_pipe.entries import Ast, MinHash


class Banding(NamedTuple):
    """bands keys a document, each over `rows` values of its signature."""

    bands: int
    rows: int

    def probability(self, jaccard: float) -> float:
        """That a pair of this Jaccard shares a key."""
        return 1.0 - (1.0 - jaccard**self.rows) ** self.bands

    @property
    def threshold(self) -> float:
        """About where the probability rises most: (1 / bands) ** (1 / rows)."""
        return float((1.0 / self.bands) ** (1.0 / self.rows))


def banding_of(entry: MinHash | Ast) -> Banding:
    """The entry's own bands and rows, or those that datasketch chooses for its threshold."""
    if entry.threshold is None:
        return Banding(entry.bands, entry.rows)
    return _chosen(entry.threshold, entry.bands * entry.rows)


@cache
def _chosen(threshold: float, permutations: int) -> Banding:
    """The least sum of false positives and false negatives over all Jaccards."""
    from datasketch import MinHashLSH  # brings scipy: wanted only where a recipe gives a threshold

    try:
        chosen = MinHashLSH(threshold=threshold, num_perm=permutations)
    except ValueError:  # it refuses to band when the least sum is that of a single band
        return Banding(1, _rows_of_one_band(threshold, permutations))
    return Banding(chosen.b, chosen.r)


def _rows_of_one_band(threshold: float, most: int) -> int:
    """The same for one band: s ** r below the threshold and 1 - s ** r above, both integrated."""
    return min(range(1, most + 1), key=lambda r: (2 * threshold ** (r + 1) - 1) / (r + 1))
