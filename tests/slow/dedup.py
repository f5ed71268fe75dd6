"""Deduplication the obvious way: sets of word tuples, every pair compared."""

import unicodedata
from collections.abc import Sequence

from tests.slow.words import words

Shingles = frozenset[tuple[str, ...]]


def folded(text: str) -> str:
    """Without punctuation and symbols, lower case code point by code point."""
    kept = [c for c in text if unicodedata.category(c)[0] not in "PS" and c not in "\0\1\2"]
    return "".join(c if c.isspace() else c.lower()[0] for c in kept)


def shingles(text: str, size: int) -> list[tuple[str, ...]]:
    found = words(folded(text))
    return [tuple(found[i : i + size]) for i in range(len(found) - size + 1)]


def jaccard(one: Shingles, other: Shingles) -> float:
    return len(one & other) / len(one | other)


def greedy(sets: Sequence[Shingles], threshold: float) -> list[int]:
    """In survivor order: the position of the most similar kept document, -1 for a kept one."""
    kept_by: list[int] = []
    for i, shingled in enumerate(sets):
        kept = [j for j in range(i) if kept_by[j] < 0]
        scores = {j: jaccard(shingled, sets[j]) for j in kept}
        near = [j for j in kept if round(scores[j], 6) >= round(threshold, 6)]
        kept_by.append(max(near, key=lambda j: (scores[j], -j)) if near else -1)
    return kept_by
