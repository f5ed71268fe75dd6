"""The slow twin of stages/copies.py and assemble.py: plain lists, one loop a decision."""

from typing import NamedTuple

from dolma_pipe.stages.keyed import key_of

MASK = (1 << 64) - 1


class Document(NamedTuple):
    tokens: int
    bucket: int
    hash: int


def keyed(number: int, key: int) -> int:
    x = number ^ key
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ (x >> 33)


def copies(
    documents: list[Document], quotas: list[int], most_copies: int, seed: int, source: str
) -> list[int]:
    """How often each document is used."""
    used = [0] * len(documents)
    carry = 0
    for bucket in reversed(range(len(quotas))):
        members = [i for i, d in enumerate(documents) if d.bucket == bucket]
        available = sum(documents[i].tokens for i in members)
        if quotas[bucket] == 0:
            continue
        whole = quotas[bucket] // available
        for i in members:
            used[i] = whole
        wanted = quotas[bucket] - whole * available + carry
        key = key_of(seed, "extra", source)
        members.sort(key=lambda i: (keyed(documents[i].hash, key), i))
        if wanted > 0 and whole < most_copies:
            while members and documents[members[0]].tokens <= wanted:
                wanted -= documents[members[0]].tokens
                used[members.pop(0)] += 1
            nearest = min(members, key=lambda i: abs(wanted - documents[i].tokens), default=None)
            if nearest is not None and abs(wanted - documents[nearest].tokens) < wanted:
                wanted -= documents[nearest].tokens
                used[nearest] += 1
        carry = wanted
    return used


def order(
    documents: list[Document], used: list[int], seed: int, source: str
) -> list[tuple[int, int, int]]:
    """Place, copy and document of all copies, in the order of the output."""
    places = []
    for i, count in enumerate(used):
        for copy in range(count):
            key = key_of(seed, "order", source, copy)
            places.append((keyed(documents[i].hash, key), copy, i))
    return sorted(places)


def parts(sizes: list[int], max_tokens: int) -> list[list[int]]:
    """Sizes of the copies in each file."""
    files: list[list[int]] = []
    for size in sizes:
        if files and sum(files[-1]) + size <= max_tokens:
            files[-1].append(size)
        else:
            files.append([size])
    return files
