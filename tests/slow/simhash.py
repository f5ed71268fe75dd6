"""SimHash the obvious way: bits counted one by one, every pair of fingerprints compared."""

from collections.abc import Sequence


def majority(values: Sequence[int]) -> int:
    bits = (sum(value >> b & 1 for value in values) for b in range(64))
    return sum(1 << b for b, ones in enumerate(bits) if 2 * ones > len(values))


def distance(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def components(fingerprints: Sequence[int], radius: int) -> list[int]:
    """Of each fingerprint, the first of those that pairs within the radius connect it with."""
    names = list(range(len(fingerprints)))
    for i, one in enumerate(fingerprints):
        for j in range(i):
            if names[i] != names[j] and distance(one, fingerprints[j]) <= radius:
                both = {names[i], names[j]}
                names = [min(both) if name in both else name for name in names]
    return names


def greedy(fingerprints: Sequence[int], radius: int) -> list[int]:
    """In survivor order: the place of the nearest kept one, -1 for a kept one."""
    kept_by: list[int] = []
    for i, one in enumerate(fingerprints):
        kept = [j for j in range(i) if kept_by[j] < 0]
        near = [j for j in kept if distance(one, fingerprints[j]) <= radius]
        kept_by.append(min(near, key=lambda j: (distance(one, fingerprints[j]), j), default=-1))
    return kept_by
