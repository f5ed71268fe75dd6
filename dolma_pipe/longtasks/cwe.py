"""CWE, common word extraction: how often words occur in a part of a document, and which do most."""

from typing import get_args

import numpy as np

from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.longtasks.draw import Draw
from dolma_pipe.longtasks.task import CweForm, Task
from dolma_pipe.longtasks.words import Terms, Vocabulary

FORMS: tuple[CweForm, ...] = get_args(CweForm)
FEWEST = 3
"""A word that occurs less often is not common."""
MOST_RANKED = 5
ASKED = 4
CHOSEN_FROM = 12
"""So many words of a part with the highest tf-idf are drawn from."""
COHESIVE = 0.1
"""Of Chinese pairs only those that hold together are asked about."""
MOST_PARTS = 24
"""A table of more parts is no task that anybody would set."""


def cwe_task(vocabulary: Vocabulary, draw: Draw, turn: int) -> Task | None:
    """A task on this document, or None where no word is common in few parts."""
    makers = {"most": _most, "counts": _counts, "count": _count, "spread": _spread}
    for form in draw.shuffled(FORMS, "cwe", turn):
        task = makers[form](vocabulary, draw, turn)
        if task is not None:
            return task
    return None


def _task(vocabulary: Vocabulary, form: CweForm, part: int, chosen: I64, counts: list[int]) -> Task:
    words = tuple(vocabulary.spelled(vocabulary.words, number) for number in chosen.tolist())
    return Task(
        kind="cwe",
        form=form,
        unit=vocabulary.unit,
        letters=vocabulary.letters,
        parts=vocabulary.parts,
        part=part,
        words=words,
        counts=tuple(counts),
    )


def _eligible(vocabulary: Vocabulary, terms: Terms) -> Bool:
    """Terms that half of the parts have at most: function words are nearly everywhere."""
    rare: Bool = terms.spread <= terms.parts // 2
    if vocabulary.unit == "word":
        return rare & vocabulary.usable
    return rare & (vocabulary.cohesion >= COHESIVE)


def _most(vocabulary: Vocabulary, draw: Draw, turn: int) -> Task | None:
    """The most frequent words of a part that few parts have: as many as have no tie."""
    if vocabulary.unit == "pair":
        return None  # which pairs hold together is no rule that a reader could follow
    terms = vocabulary.words
    eligible = _eligible(vocabulary, terms)
    tasks = []
    for part in range(terms.parts):
        numbers, counts = terms.of_part(part)
        counts, numbers = counts[eligible[numbers]], numbers[eligible[numbers]]
        order = np.argsort(-counts, kind="stable")[: MOST_RANKED + 1]
        ranked = [*counts[order].tolist(), 0][: MOST_RANKED + 1]
        k = 0
        while k + 1 < len(ranked) and ranked[k] > ranked[k + 1] and ranked[k] >= FEWEST:
            k += 1
        if k:
            tasks.append((min(k, 3), part, numbers[order[:k]], ranked[:k]))
    if not tasks:
        return None
    longest = max(task[0] for task in tasks)
    best = [task for task in tasks if task[0] == longest]
    _, part, chosen, ranked = draw.shuffled(best, "most", turn)[0]
    return _task(vocabulary, "most", part + 1, chosen, ranked)


def _counts(vocabulary: Vocabulary, draw: Draw, turn: int, asked: int = ASKED) -> Task | None:
    """How often some words that are typical of a part occur in it."""
    terms = vocabulary.words
    eligible = _eligible(vocabulary, terms)
    for part in draw.shuffled(range(terms.parts), "part", turn):
        numbers, counts = terms.of_part(part)
        good = eligible[numbers] & (counts >= FEWEST)
        numbers, counts = numbers[good], counts[good]
        if len(numbers) < asked:
            continue
        # to whole billionths: the order must not hang on how a machine rounds logarithms
        weights = np.round(counts * terms.weights[numbers] * vocabulary.word_rarity[numbers], 9)
        best = np.lexsort((numbers, -weights))[:CHOSEN_FROM]
        chosen = np.array(draw.shuffled(best.tolist(), "words", turn)[:asked], np.int64)
        form: CweForm = "count" if asked == 1 else "counts"
        return _task(vocabulary, form, part + 1, numbers[chosen], counts[chosen].tolist())
    return None


def _count(vocabulary: Vocabulary, draw: Draw, turn: int) -> Task | None:
    return _counts(vocabulary, draw, turn, asked=1)


def _spread(vocabulary: Vocabulary, draw: Draw, turn: int) -> Task | None:
    """How often one word occurs in each part."""
    terms = vocabulary.words
    if terms.parts > MOST_PARTS:
        return None
    rarity = vocabulary.word_rarity
    good = _eligible(vocabulary, terms) & (terms.spread >= 2) & (terms.totals >= 2 * FEWEST)
    numbers = np.flatnonzero(good)
    if not len(numbers):
        return None
    weights = np.round(terms.totals[numbers] * terms.weights[numbers] * rarity[numbers], 9)
    best = numbers[np.lexsort((numbers, -weights))[:CHOSEN_FROM]]
    chosen = draw.shuffled(best.tolist(), "spread", turn)[0]
    return _task(vocabulary, "spread", 0, np.array([chosen], np.int64), list(terms.by_part(chosen)))
