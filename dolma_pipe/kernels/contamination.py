"""Contamination: evaluation items in texts, by n-grams of folded words, grown and scored.

The scoring is that of decon's SIMPLE (Ai2, 2025). It differs where a match begins: decon looks at
every tenth n-gram and passes over what an earlier match covered. Here every n-gram is looked at,
but an item is tried only at those of its n-grams without one of which its overlap cannot be high
enough, and what is covered is remembered an item.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.evaluation_index import Grams, Index, gram_at, slot_of
from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import F64, I64, U8, U64, kernel
from dolma_pipe.kernels.shingles import BASE, Folding, fold_words, folding, most_words

ANSWER_GRAM, PASSAGE_GRAM = 3, 4
SHORT_ANSWER = 3
"""Answers of no more tokens are looked for as they stand."""
SHORT_WINDOW, LONG_WINDOW = 50, 100
"""Tokens behind a question in which an answer is looked for; long ones: or twice its length."""
INFORMATIVE_GRAMS, INFORMATIVE_ANSWER = 20, 4
STRICT_TOKENS, LENIENT_TOKENS = 20, 50
"""Up to the first an item must match in full, from the second on up to the threshold."""
LOST_BY_REST = 0.3
"""What answer and passage can bring to a score at the most, for the early reject."""


class Rule(NamedTuple):
    """threshold: of the score; gram: words in an n-gram of questions; misses: in a row end one."""

    threshold: float
    gram: int
    misses: int


class Matches(NamedTuple):
    """In the order of the text for each document. places: int64[matches, 4], document, item, first
    token and the one behind the last. scores: float64[matches, 4], the score, and the overlaps of
    question, answer and passage."""

    places: I64
    scores: F64


def find_matches(text: U8, offsets: I64, index: Index, rule: Rule) -> Matches:
    """Every stretch of every document that reaches the threshold."""
    words = np.empty(most_words(offsets), np.uint64)
    return Matches(*_find_matches(text, offsets, folding(), index, rule, words))


@kernel
def score_of(
    overlaps: tuple[float, float, float],
    has_answer: bool,
    has_passage: bool,
    question_grams: int,
    answer_tokens: int,
) -> float:
    """The weighted overlap of question, answer and passage, before the rule on lengths.

    A question of few n-grams loses up to half of its weight to answer and passage; an answer of
    few tokens up to half of its own to the passage.
    """
    question, answer, passage = overlaps
    certain = 0.5 + 0.5 * min(1.0, question_grams / INFORMATIVE_GRAMS)
    if has_answer and has_passage:
        lost = 0.7 * (1.0 - certain)
        sure = 0.5 + 0.5 * min(1.0, answer_tokens / INFORMATIVE_ANSWER)
        weight = 0.2 + lost / 2
        rest = weight * sure * answer + (0.1 + lost / 2 + weight * (1.0 - sure)) * passage
        return 0.7 * certain * question + rest
    if has_answer:
        return 0.75 * certain * question + (0.25 + 0.75 * (1.0 - certain)) * answer
    if has_passage:
        return 0.85 * certain * question + (0.15 + 0.85 * (1.0 - certain)) * passage
    return question


@kernel
def required_score(tokens: int, threshold: float) -> float:
    """1 for items of up to 20 tokens, from 50 on the threshold, in between on the line."""
    along = (tokens - STRICT_TOKENS) / (LENIENT_TOKENS - STRICT_TOKENS)
    return 1.0 - (1.0 - threshold) * min(1.0, max(0.0, along))


@kernel
def shortened(score: float, tokens: int, threshold: float) -> float:
    """The score after the rule on lengths, rounded to 1e-6; it is compared with the threshold."""
    score = round(score, 6)
    if score >= 1.0:
        return 1.0
    return round(score * threshold / required_score(tokens, threshold), 6)


@kernel
def _place(hashes: U64, lower: int, upper: int, wanted: np.uint64) -> int:
    """Where it stands among sorted hashes, -1 for nowhere."""
    end = upper
    while lower < upper:
        middle = (lower + upper) >> 1
        if hashes[middle] < wanted:
            lower = middle + 1
        else:
            upper = middle
    return lower if lower < end and hashes[lower] == wanted else -1


@kernel
def _grow(
    words: U64, count: int, at: int, lowest: int, item: int, index: Index, rule: Rule, seen: I64
) -> tuple[int, int, int]:
    """First and last n-gram of the match around one, and its weight; `lowest` is the first allowed.

    It ends where `misses` n-grams in a row are none of the item; those that were there before
    neither count nor help. seen: in which match an n-gram of the item was seen last, and in
    seen[0] the number of this one.
    """
    question = index.question
    lower, upper = question.offsets[item], question.offsets[item + 1]
    reach = rule.misses * (upper - lower)  # else a text of copies would be walked anew for each
    lowest, highest = max(lowest, at - reach), min(count - rule.gram, at + reach)
    seen[0] += 1
    first = last = at
    here = _place(question.hashes, lower, upper, gram_at(words, at, rule.gram))
    seen[here - lower + 1] = seen[0]
    weight = question.weights[here]
    for step in (-1, 1):
        missed = 0
        i = at + step
        while missed < rule.misses and lowest <= i <= highest:
            here = _place(question.hashes, lower, upper, gram_at(words, i, rule.gram))
            if here < 0:
                missed += 1
            elif seen[here - lower + 1] != seen[0]:
                seen[here - lower + 1] = seen[0]
                weight += question.weights[here]
                missed = 0
                first, last = min(first, i), max(last, i)
            i += step
    return first, last, weight


@kernel
def _overlap(
    words: U64, start: int, end: int, size: int, grams: Grams, item: int, seen: I64
) -> int:
    """The weight of the item's n-grams that lie between two tokens."""
    lower, upper = grams.offsets[item], grams.offsets[item + 1]
    seen[0] += 1
    weight = 0
    for i in range(start, end - size + 1):
        here = _place(grams.hashes, lower, upper, gram_at(words, i, size))
        if here >= 0 and seen[here - lower + 1] != seen[0]:
            seen[here - lower + 1] = seen[0]
            weight += grams.weights[here]
    return weight


@kernel
def _answer(words: U64, count: int, behind: int, item: int, index: Index, seen: I64) -> float:
    """The overlap of the answer with what follows the question."""
    tokens = index.lengths[item, 1]
    if tokens > SHORT_ANSWER:
        end = min(count, behind + max(LONG_WINDOW, 2 * tokens))
        weight = _overlap(words, behind, end, ANSWER_GRAM, index.answer, item, seen)
        return float(weight / index.answer.totals[item])
    for i in range(behind, min(count, behind + SHORT_WINDOW) - tokens + 1):
        equal = True
        for j in range(tokens):
            equal &= words[i + j] == index.short[item, j]
        if equal:
            return 1.0
    return 0.0


@kernel
def _passage(
    words: U64, count: int, first: int, behind: int, item: int, index: Index, seen: I64
) -> float:
    """The overlap of the passage with what lies around the question."""
    window = max(LONG_WINDOW, 2 * index.lengths[item, 2])
    start, end = max(0, first - window), min(count, behind + window)
    weight = _overlap(words, start, end, PASSAGE_GRAM, index.passage, item, seen)
    return float(weight / index.passage.totals[item])


@kernel
def _score(
    words: U64,
    count: int,
    first: int,
    last: int,
    weight: int,
    item: int,
    index: Index,
    rule: Rule,
    seen: I64,
    scores: F64,
) -> None:
    """Write the score of a match and its overlaps; all 0 after the early reject."""
    scores[:] = 0.0
    asked = weight / index.question.totals[item]
    if round(asked, 6) < round((rule.threshold - LOST_BY_REST) / (1.0 - LOST_BY_REST), 6):
        return
    lengths = index.lengths[item]
    has_answer = lengths[1] > 0 and (lengths[1] <= SHORT_ANSWER or index.answer.totals[item] > 0)
    has_passage = index.passage.totals[item] > 0
    behind = last + rule.gram
    answer = passage = 0.0
    if has_answer:  # a match longer than its question has eaten into the answer
        answer = _answer(words, count, min(behind, first + lengths[0]), item, index, seen)
    if has_passage:
        passage = _passage(words, count, first, behind, item, index, seen)
    grams = index.question.offsets[item + 1] - index.question.offsets[item]
    score = score_of((asked, answer, passage), has_answer, has_passage, grams, lengths[1])
    scores[0] = shortened(score, lengths.sum(), rule.threshold)
    scores[1], scores[2], scores[3] = asked, answer, passage


@kernel
def _find_matches(
    text: U8, offsets: I64, fold: Folding, index: Index, rule: Rule, words: U64
) -> tuple[I64, F64]:
    places, scores = np.empty((64, 4), np.int64), np.empty((64, 4), np.float64)
    n = 0
    items = len(index.lengths)
    covered = np.zeros(items, np.int64)  # up to which n-gram of which document an item was tried
    tried = np.full(items, -1, np.int64)
    most = 0
    for grams in (index.question, index.answer, index.passage):
        for item in range(items):
            most = max(most, grams.offsets[item + 1] - grams.offsets[item])
    seen = np.zeros(most + 1, np.int64)
    top = np.uint64(1)
    for _ in range(rule.gram - 1):
        top *= BASE
    for d in range(len(offsets) - 1):
        count = fold_words(text, offsets[d], offsets[d + 1], fold, words)
        h = np.uint64(0)
        for i in range(min(rule.gram - 1, count)):
            h = h * BASE + words[i]
        for at in range(count - rule.gram + 1):
            h = h * BASE + words[at + rule.gram - 1]
            slot = slot_of(index.seeds, max(mixed64(h), np.uint64(1)))
            h -= words[at] * top
            if slot < 0:
                continue
            for k in range(index.seeds.begins[slot], index.seeds.ends[slot]):
                item = index.seeds.items[k]
                if tried[item] != d:
                    tried[item], covered[item] = d, 0
                if at < covered[item]:
                    continue
                first, last, weight = _grow(
                    words, count, at, covered[item], item, index, rule, seen
                )
                covered[item] = last + 1
                if n == len(places):
                    places = np.concatenate((places, np.empty_like(places)))
                    scores = np.concatenate((scores, np.empty_like(scores)))
                _score(words, count, first, last, weight, item, index, rule, seen, scores[n])
                if scores[n, 0] >= round(rule.threshold, 6):
                    places[n, 0], places[n, 1] = d, item
                    places[n, 2], places[n, 3] = first, last + rule.gram
                    n += 1
    return places[:n].copy(), scores[:n].copy()
