"""Cosines of all pairs in Python's whole numbers, and who stays."""

from math import sqrt

Vector = list[int]


def cosine(one: Vector, other: Vector) -> float:
    """Rounded to 1e-6."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    lengths = [sqrt(sum(a * a for a in v)) for v in (one, other)]
    return round(product / (lengths[0] * lengths[1]), 6)


def greedy(vectors: list[Vector], threshold: float) -> list[tuple[int, float] | None]:
    """In survivor order: the most similar kept document (of equals the first), None for a kept."""
    kept: list[int] = []
    verdicts: list[tuple[int, float] | None] = []
    for i, vector in enumerate(vectors):
        best: tuple[int, float] | None = None
        for j in kept:
            found = cosine(vector, vectors[j])
            if found >= threshold and (best is None or found > best[1]):
                best = (j, found)
        verdicts.append(best)
        if best is None:
            kept.append(i)
    return verdicts


def unit_vector(vector: list[float]) -> Vector:
    """In 8192ths."""
    length = sqrt(sum(x * x for x in vector))
    return [round(x / length * 8192) if length else 0 for x in vector]
