"""Decontamination the obvious way: tuples of words, dictionaries, one item after the other."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tests.slow.dedup import folded
from tests.slow.words import words

Gram = tuple[str, ...]
MILLION = 1e6


class Item(NamedTuple):
    question: str
    answer: str = ""
    passage: str = ""


class Match(NamedTuple):
    """first, end: words."""

    item: int
    first: int
    end: int
    score: float
    overlaps: tuple[float, float, float]


def split(text: str) -> list[str]:
    return words(folded(text))


def grams(tokens: Sequence[str], size: int) -> list[Gram]:
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def weights(sets: list[set[Gram]]) -> list[dict[Gram, int]]:
    """idf of the n-grams of each item; 1 where all of them would weigh nothing."""
    found = []
    for mine in sets:
        weight = {
            g: round(math.log(len(sets) / sum(g in other for other in sets)) * MILLION)
            for g in mine
        }
        found.append(weight if any(weight.values()) else dict.fromkeys(mine, 1))
    return found


class Index:
    """Items that are long enough, by part. common: n-grams of questions that do not count."""

    def __init__(self, items: list[Item], size: int = 5, common: frozenset[Gram] = frozenset()):
        self.size = size
        self.words = [[split(part) for part in item] for item in items]
        sizes = (size, 3, 4)
        self.grams = [
            weights([set(grams(item[part], n)) for item in self.words])
            for part, n in enumerate(sizes)
        ]
        for weight in self.grams[0]:
            for gram in common & weight.keys():
                del weight[gram]

    def overlap(self, part: int, item: int, there: set[Gram]) -> float:
        weight = self.grams[part][item]
        total = sum(weight.values())
        return sum(weight[g] for g in there & weight.keys()) / total if total else 0.0


def score(
    overlaps: tuple[float, float, float],
    has_answer: bool,
    has_passage: bool,
    question_grams: int,
    answer_words: int,
) -> float:
    """Weights .7/.2/.1, .75/.25, .85/.15 or 1; lost weight moves to answer and passage."""
    base = {
        (True, True): (0.7, 0.2, 0.1),
        (True, False): (0.75, 0.25, 0.0),
        (False, True): (0.85, 0.0, 0.15),
        (False, False): (1.0, 0.0, 0.0),
    }
    question, answer, passage = base[has_answer, has_passage]
    heirs = has_answer + has_passage
    if heirs:
        confidence = 0.5 + 0.5 * min(1.0, question_grams / 20)
        lost = question * (1 - confidence)
        question -= lost
        answer += lost / heirs if has_answer else 0
        passage += lost / heirs if has_passage else 0
    if heirs == 2:
        lost = answer * (1 - (0.5 + 0.5 * min(1.0, answer_words / 4)))
        answer -= lost
        passage += lost
    return question * overlaps[0] + answer * overlaps[1] + passage * overlaps[2]


def after_length(value: float, tokens: int, threshold: float) -> float:
    value = round(value, 6)
    if value >= 1:
        return 1.0
    if tokens <= 20:
        required = 1.0
    elif tokens >= 50:
        required = threshold
    else:
        required = 1 - (1 - threshold) * (tokens - 20) / 30
    return round(value * threshold / required, 6)


def grow(
    index: Index, tokens: list[str], item: int, at: int, lowest: int, misses: int
) -> tuple[int, int, set[Gram]]:
    mine = index.grams[0][item]
    text = grams(tokens, index.size)
    seen, first, last = {text[at]}, at, at
    reach = misses * len(mine)
    for places in (range(at - 1, -1, -1), range(at + 1, len(text))):
        missed = 0
        for i in places:
            if i < lowest or missed == misses or abs(i - at) > reach:
                break
            if text[i] not in mine:
                missed += 1
            elif text[i] not in seen:
                seen.add(text[i])
                missed = 0
                first, last = min(first, i), max(last, i)
    return first, last, seen


def find(
    index: Index,
    text: str,
    seeds: list[set[Gram]],
    threshold: float = 0.8,
    misses: int = 11,
) -> list[Match]:
    """seeds: of each item, the n-grams that may begin a match. Matches in the order of the text."""
    tokens = split(text)
    found = []
    for item in range(len(index.words)):
        covered = 0
        for at, gram in enumerate(grams(tokens, index.size)):
            if at < covered or gram not in seeds[item]:
                continue
            first, last, seen = grow(index, tokens, item, at, covered, misses)
            covered = last + 1
            value, overlaps = scored(index, tokens, item, first, last, seen, threshold)
            if value >= threshold:
                found.append((at, Match(item, first, last + index.size, value, overlaps)))
    return [match for _, match in sorted(found, key=lambda pair: (pair[0], pair[1].item))]


def scored(
    index: Index,
    tokens: list[str],
    item: int,
    first: int,
    last: int,
    seen: set[Gram],
    threshold: float,
) -> tuple[float, tuple[float, float, float]]:
    question, answer, passage = index.words[item]
    overlap = index.overlap(0, item, seen)
    if round(overlap, 6) < round((threshold - 0.3) / 0.7, 6):
        return 0.0, (0.0, 0.0, 0.0)
    behind = min(last + index.size, first + len(question))
    answered = 0.0
    if 0 < len(answer) <= 3:
        answered = float(tuple(answer) in grams(tokens[behind : behind + 50], len(answer)))
    elif answer:
        window = tokens[behind : behind + max(100, 2 * len(answer))]
        answered = index.overlap(1, item, set(grams(window, 3)))
    read = 0.0
    if len(passage) >= 4:
        reach = max(100, 2 * len(passage))
        window = tokens[max(0, first - reach) : last + index.size + reach]
        read = index.overlap(2, item, set(grams(window, 4)))
    overlaps = (overlap, answered, read)
    value = score(overlaps, bool(answer), len(passage) >= 4, len(index.grams[0][item]), len(answer))
    return after_length(value, sum(map(len, index.words[item])), threshold), overlaps
