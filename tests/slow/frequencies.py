"""n-grams and their frequencies the slow, obvious way."""

from collections import Counter


def ngrams(text: str, size: int) -> list[tuple[str, ...]]:
    """Of words between white space."""
    words = text.split()
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def counted(texts: list[str], size: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram stands in the texts."""
    return Counter(gram for text in texts for gram in ngrams(text, size))


def merged(
    first: dict[int, tuple[int, int]], second: dict[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    """Key -> count and least place, of both."""
    found = dict(first)
    for key, (count, place) in second.items():
        had = found.get(key)
        found[key] = (count, place) if had is None else (had[0] + count, min(had[1], place))
    return dict(sorted(found.items()))
