"""Repeated lines, paragraphs and n-grams the obvious way: Counters of tuples of words."""

from collections import Counter

from tests.slow.words import lines, words

Words = tuple[str, ...]


def characters(stretch: Words) -> int:
    return sum(map(len, stretch))


def duplicates(stretches: list[Words], every_member: bool) -> tuple[float, int]:
    """Share of duplicates, and their characters."""
    counts = Counter(stretches)
    seen: set[Words] = set()
    repeats = []
    for stretch in stretches:
        if stretch in seen or (every_member and counts[stretch] > 1):
            repeats.append(stretch)
        seen.add(stretch)
    return len(repeats) / len(stretches), sum(map(characters, repeats))


def paragraphs(text: str) -> list[Words]:
    found: list[Words] = [()]
    for line in lines(text):
        if line.strip():
            found[-1] += tuple(words(line))
        else:
            found.append(())
    return [p for p in found if p]


def top(found: list[str], n: int, first_of_equal: bool) -> int:
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    if first_of_equal:
        [(gram, count)] = counts.most_common(1) or [((), 0)]
        return count * characters(gram)
    most = max(counts.values(), default=1)
    if most == 1:
        return 0
    return most * max(characters(gram) for gram, count in counts.items() if count == most)


def covered(found: list[str], n: int, every_member: bool) -> int:
    grams = [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]
    counts = Counter(grams)
    seen: set[Words] = set()
    inside: set[int] = set()
    for i, gram in enumerate(grams):
        if gram in seen or (every_member and counts[gram] > 1):
            inside.update(range(i, i + n))
        seen.add(gram)
    return sum(len(found[i]) for i in inside)


def overlapping(found: list[str], n: int, every_member: bool) -> float:
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    total = sum(count * characters(gram) for gram, count in counts.items())
    first = 0 if every_member else 1
    many = sum((k - first) * characters(gram) for gram, k in counts.items() if k > 1)
    return many / total if total else 0.0


def repetition(
    text: str, every_member: bool = False, first_of_equal: bool = False, overlaps: bool = False
) -> list[float]:
    found = words(text)
    if not found:
        return [0.0] * 13
    total = characters(tuple(found))
    row: list[float] = []
    for stretches in ([tuple(words(x)) for x in lines(text) if x.strip()], paragraphs(text)):
        share, length = duplicates(stretches, every_member)
        row += [share, length / total]
    row += [min(1.0, top(found, n, first_of_equal) / total) for n in range(2, 5)]
    if overlaps:
        return row + [overlapping(found, n, every_member) for n in range(5, 11)]
    return row + [covered(found, n, every_member) / total for n in range(5, 11)]
