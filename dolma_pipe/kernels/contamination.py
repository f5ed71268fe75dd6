"""Contamination: evaluation items in texts, by n-grams of folded words, grown and scored.

The scoring is that of decon's SIMPLE (Ai2, 2025). It differs where a match begins: decon looks at
every tenth n-gram and passes over what an earlier match covered. Here every n-gram is looked at,
but only those of an item begin a match without one of which its overlap cannot be high enough
(seeds.py), and what is covered is remembered an item.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import F64, I64, U8, U64, inlined, kernel
from dolma_pipe.kernels.shingles import (
    BASE,
    BORDER,
    WIDE,
    Folding,
    fold_words,
    folding,
    hash_shingles,
    most_words,
)
from dolma_pipe.kernels.unicode import (
    MARK,
    PUNCTUATION,
    SPACE,
    WORD_ALONE,
    code_point_at,
    flags_of,
)

ANSWER_GRAM, PASSAGE_GRAM = 3, 4
SHORT_ANSWER = 3
"""Answers of no more tokens are looked for as they stand."""
SHORT_WINDOW, LONG_WINDOW = 50, 100
"""Tokens behind a question in which an answer is looked for; long ones: or twice its length."""
INFORMATIVE_GRAMS, INFORMATIVE_ANSWER = 20, 4
STRICT_TOKENS, LENIENT_TOKENS = 20, 50
"""Up to the first an item must match in full, from the second on up to the threshold."""
MIDDLE = np.uint64(24)
LOST_BY_REST = 0.3
"""What answer and passage can bring to a score at the most, for the early reject."""


class Grams(NamedTuple):
    """n-grams of one part (question, answer or passage) of all items.

    offsets: int64[items + 1]; hashes: uint64, sorted and distinct within an item; weights: int64,
    idf in millionths; totals: int64[items], their sums.
    """

    offsets: I64
    hashes: U64
    weights: I64
    totals: I64


class Seeds(NamedTuple):
    """Where matches begin: n-gram -> items[begins[slot]:ends[slot]], by open addressing.

    bits: uint64, a bit for the low bits of a hash; most n-grams of most texts stop there. keys:
    uint64[slots], 0 is free, the slot of a hash is its middle bits or one of the next: high bits
    are not even, of equally rare n-grams those of the smallest hash are chosen.
    """

    bits: U64
    keys: U64
    begins: I64
    ends: I64
    items: I64


class Index(NamedTuple):
    """All evaluation items. lengths: int64[items, 3], tokens of question, answer and passage.

    short: uint64[items, 3], the tokens of answers that are short.
    """

    question: Grams
    answer: Grams
    passage: Grams
    lengths: I64
    short: U64
    seeds: Seeds


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


def count_documents(text: U8, offsets: I64, size: int, counted: Seeds, counts: I64) -> None:
    """Add to counts[k] the documents that have the n-gram whose slot begins at k."""
    words = np.empty(most_words(offsets), np.uint64)
    _count_documents(text, offsets, folding(), size, counted, words, counts)


def word_places(text: U8, start: int, end: int) -> tuple[I64, I64]:
    """The first byte of each folded word of one document, and the one behind its last.

    Punctuation belongs to the word that it touches. Bytes count from `start`.
    """
    room = (end - start + 1) // 2 + 1
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    count = word_places_of(text, start, end, folding(), starts, ends)
    return starts[:count], ends[:count]


def fold_all(text: U8, offsets: I64) -> tuple[U64, I64]:
    """The hashes of the folded words of all texts, and int64[texts + 1]: where each begins."""
    words = np.empty(int(((np.diff(offsets) + 1) // 2 + 1).sum()), np.uint64)
    firsts = np.zeros(len(offsets), np.int64)
    _fold_all(text, offsets, folding(), words, firsts)
    return words[: firsts[-1]].copy(), firsts


def distinct_grams(words: U64, firsts: I64, size: int) -> tuple[U64, I64]:
    """The n-grams of each text, sorted and distinct, and their offsets."""
    grams = np.empty(len(words), np.uint64)
    offsets = np.zeros(len(firsts), np.int64)
    _distinct_grams(words, firsts, size, grams, offsets)
    return grams[: offsets[-1]].copy(), offsets


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


@inlined
def gram_at(words: U64, at: int, size: int) -> np.uint64:
    """The n-gram that starts here, as in shingles.py."""
    h = np.uint64(0)
    for j in range(size):
        h = h * BASE + words[at + j]
    return max(mixed64(h), np.uint64(1))


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
def _slot(seeds: Seeds, gram: np.uint64) -> int:
    """The slot of an n-gram, -1 where it begins nothing."""
    low = gram & np.uint64(len(seeds.bits) * 64 - 1)
    if seeds.bits[low >> np.uint64(6)] >> (low & np.uint64(63)) & np.uint64(1) == np.uint64(0):
        return -1
    slots = len(seeds.keys)
    slot = np.int64(gram >> MIDDLE) & (slots - 1)
    while seeds.keys[slot] != np.uint64(0):
        if seeds.keys[slot] == gram:
            return int(slot)
        slot = (slot + 1) & (slots - 1)
    return -1


@kernel
def fill_slots(seeds: Seeds, grams: U64, begins: I64, ends: I64) -> None:
    """Write distinct n-grams into an empty table that has more slots than they are."""
    slots = len(seeds.keys)
    for i in range(len(grams)):
        low = grams[i] & np.uint64(len(seeds.bits) * 64 - 1)
        seeds.bits[low >> np.uint64(6)] |= np.uint64(1) << (low & np.uint64(63))
        slot = np.int64(grams[i] >> MIDDLE) & (slots - 1)
        while seeds.keys[slot] != np.uint64(0):
            slot = (slot + 1) & (slots - 1)
        seeds.keys[slot], seeds.begins[slot], seeds.ends[slot] = grams[i], begins[i], ends[i]


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
            slot = _slot(index.seeds, max(mixed64(h), np.uint64(1)))
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


@kernel
def _count_documents(
    text: U8, offsets: I64, fold: Folding, size: int, counted: Seeds, words: U64, counts: I64
) -> None:
    last = np.full(len(counts), -1, np.int64)
    for d in range(len(offsets) - 1):
        count = fold_words(text, offsets[d], offsets[d + 1], fold, words)
        for at in range(hash_shingles(words, count, size)):
            slot = _slot(counted, words[at])
            if slot >= 0 and last[counted.begins[slot]] != d:
                last[counted.begins[slot]] = d
                counts[counted.begins[slot]] += 1


@kernel
def word_places_of(text: U8, start: int, end: int, fold: Folding, starts: I64, ends: I64) -> int:
    """The borders are those of fold_words, which tells why."""
    count = 0
    begin = stop = -1  # of what is not white space since the last border
    is_open = is_alone = False
    i = start
    while i < end:
        at = i
        byte = fold.bytes[text[i]]
        kind = 0
        if byte == np.uint8(WIDE):
            code, i = code_point_at(text, i)
            kind = flags_of(code, fold.pages, fold.flags)
        else:
            i += 1
            if byte < np.uint8(WIDE):
                kind = SPACE if byte == np.uint8(BORDER) else PUNCTUATION
        removed = (kind & PUNCTUATION) != 0
        ends_alone = is_alone and (kind & MARK) == 0
        if is_open and not removed and ((kind & (SPACE | WORD_ALONE)) != 0 or ends_alone):
            starts[count], ends[count] = begin - start, stop - start
            count += 1
            is_open = is_alone = False
            begin = -1
        if removed or (kind & SPACE) == 0:
            begin = at if begin < 0 else begin
            stop = i
            if not removed and not is_open:
                is_open = True
                is_alone = (kind & WORD_ALONE) != 0
        elif not is_open:
            begin = -1
    if is_open:
        starts[count], ends[count] = begin - start, stop - start
        count += 1
    return count


@kernel
def _fold_all(text: U8, offsets: I64, fold: Folding, words: U64, firsts: I64) -> None:
    n = 0
    for k in range(len(offsets) - 1):
        n += fold_words(text, offsets[k], offsets[k + 1], fold, words[n:])
        firsts[k + 1] = n


@kernel
def _distinct_grams(words: U64, firsts: I64, size: int, grams: U64, offsets: I64) -> None:
    n = 0
    for k in range(len(firsts) - 1):
        begin = n
        for i in range(firsts[k], firsts[k + 1] - size + 1):
            grams[n] = gram_at(words, i, size)
            n += 1
        mine = np.sort(grams[begin:n])
        n = begin
        for i in range(len(mine)):
            if i == 0 or mine[i] != mine[i - 1]:
                grams[n] = mine[i]
                n += 1
        offsets[k + 1] = n
