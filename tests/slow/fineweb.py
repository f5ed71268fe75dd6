"""The FineWeb line shares the obvious way, over str."""

import itertools
import unicodedata

from tests.slow.words import words


def is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def middle(word: str) -> str:
    """What lies between the marks at both ends."""
    while word and is_mark(word[0]):
        word = word[1:]
    while word and is_mark(word[-1]):
        word = word[:-1]
    return word


def tokens(word: str) -> int:
    """Runs of equal marks at both ends, and what is between."""
    inner = middle(word)
    left, right = word.split(inner, 1) if inner else (word, "")
    runs = sum(1 for _ in itertools.groupby(left)) + sum(1 for _ in itertools.groupby(right))
    return runs + bool(inner)


def fineweb(text: str, end_marks: str, short_length: int, punctuation_is_word: bool) -> list[float]:
    found = words(text)
    if not found:
        return [0.0] * 4
    lines = [line for line in text.split("\n") if line.strip()]
    repeats = [line for k, line in enumerate(lines) if line in lines[:k]]
    return [
        sum(line.rstrip().endswith(tuple(end_marks)) for line in lines) / len(lines),
        sum(len(line) <= short_length for line in lines) / len(lines),
        sum(map(len, repeats)) / len(text.replace("\n", "")),
        text.count("\n") / (sum(map(tokens, found)) if punctuation_is_word else len(found)),
    ]
