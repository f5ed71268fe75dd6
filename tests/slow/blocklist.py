"""Entries of a word list counted the obvious way."""

import unicodedata

from tests.slow.words import words


def plain(word: str) -> str:
    low = "".join("i" if c == "İ" else c.lower() for c in word)
    start, end = 0, len(low)
    while start < end and unicodedata.category(low[start])[0] in "PS":
        start += 1
    while end > start and unicodedata.category(low[end - 1])[0] in "PS":
        end -= 1
    return low[start:end] or low


def count_blocked(text: str, entries: list[str]) -> int:
    found = [plain(w) for w in words(text)]
    wanted = {tuple(plain(w) for w in words(entry)) for entry in entries} - {()}
    return sum(
        tuple(found[i : i + len(entry)]) == entry for i in range(len(found)) for entry in wanted
    )
