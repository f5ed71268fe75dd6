"""Scoring of evaluation items against decon's formulas and against the slow way."""

import random
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.entries import Decontaminate
from dolma_pipe.kernels.contamination import (
    Rule,
    find_matches,
    required_score,
    score_of,
    shortened,
)
from dolma_pipe.kernels.evaluation_index import Index, distinct_grams, fold_all
from dolma_pipe.kernels.windows import word_places
from dolma_pipe.stages.dedup.evaluation_index import build_index, finish_index, load_index
from dolma_pipe.stages.dedup.plan import Plan, save
from tests.slow import contamination as slow
from tests.texts import packed, texts

RULE = Rule(0.8, 5, 11)


def index_of(items: list[slow.Item], **given: object) -> Index:
    """The index of one evaluation set, in memory."""
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "set.jsonl"
        path.write_bytes(b"\n".join(msgspec.json.encode(item._asdict()) for item in items))
        settings = {"min_words": 1, "drop_common": None, **given}
        entry = Decontaminate(evaluations={"set": str(path)}, **settings)  # type: ignore[arg-type]
        plan = Plan(root, 1, 0, entry, (), late=True, edited=False, partition_bytes=1)
        save(plan)
        args = {"plan": str(plan.file), "part": 0}
        build_index(args)
        finish_index({**args, "shards": [], "documents": 0})
        return load_index(plan)


def matches(index: Index, *documents: str, rule: Rule = RULE) -> list[tuple[int, slow.Match]]:
    text, offsets = packed(list(documents), before="x")
    found = find_matches(text, offsets, index, rule)
    return [
        (place[0], slow.Match(*place[1:], score[0], tuple(score[1:])))
        for place, score in zip(found.places.tolist(), found.scores.tolist(), strict=True)
    ]


def hash_of(gram: slow.Gram) -> int:
    text, offsets = packed([" ".join(gram)])
    return int(distinct_grams(*fold_all(text, offsets), len(gram))[0][0])


def seeds_of(index: Index, twin: slow.Index) -> list[set[slow.Gram]]:
    begun: dict[int, set[int]] = {}
    for key, begin, end in zip(*index.seeds[1:4], strict=True):
        if key:
            begun[int(key)] = set(index.seeds.items[begin:end].tolist())
    return [
        {gram for gram in mine if item in begun.get(hash_of(gram), ())}
        for item, mine in enumerate(twin.grams[0])
    ]


WORDS = ["a", "b", "C", "d.", "é", "f", "g-g", "h", "你", "好", "I"]
pieces = st.lists(st.sampled_from(WORDS), min_size=0, max_size=14)
items = st.builds(
    slow.Item,
    st.lists(st.sampled_from(WORDS), min_size=9, max_size=40).map(" ".join),
    pieces.map(" ".join),
    pieces.map(" ".join),
)


@given(st.lists(items, min_size=1, max_size=5), st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_finds_and_scores_as_the_slow_way(given_items: list[slow.Item], seed: int) -> None:
    chance = random.Random(seed)
    parts = []
    for _ in range(chance.randrange(1, 6)):
        item = chance.choice(given_items)
        parts += [*item, " ".join(chance.choices(WORDS, k=chance.randrange(30)))]
        kept = item.question.split()
        kept[chance.randrange(len(kept))] = "other"
        parts.append(" ".join(kept[chance.randrange(3) :]))
    document = "\n".join(chance.sample(parts, len(parts)))
    index, twin = index_of(given_items), slow.Index(given_items)
    seeds = seeds_of(index, twin)
    expected = slow.find(twin, document, seeds)
    found = [match for _, match in matches(index, document)]
    assert [m[:3] for m in found] == [m[:3] for m in expected]
    for mine, other in zip(found, expected, strict=True):
        assert mine.score == pytest.approx(other.score, abs=2e-6)
        assert mine.overlaps == pytest.approx(other.overlaps, abs=2e-6)


@given(st.lists(items, min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_no_match_can_do_without_a_seed(given_items: list[slow.Item]) -> None:
    twin = slow.Index(given_items)
    for mine, seeds in zip(twin.grams[0], seeds_of(index_of(given_items), twin), strict=True):
        others = sum(weight for gram, weight in mine.items() if gram not in seeds)
        assert others / sum(mine.values()) < 5 / 7


@pytest.mark.parametrize(
    ("overlaps", "answer", "passage", "grams", "tokens", "expected"),
    [
        ((1, 1, 1), True, True, 20, 4, 1.0),
        ((1, 0, 0), True, True, 20, 4, 0.7),
        ((0, 1, 0), True, True, 20, 4, 0.2),
        ((0, 0, 1), True, True, 20, 4, 0.1),
        ((1, 0, 0), True, False, 20, 1, 0.75),
        ((0, 1, 0), True, False, 20, 1, 0.25),
        ((1, 0, 0), False, True, 99, 0, 0.85),
        ((0, 0, 1), False, True, 99, 0, 0.15),
        ((0.9, 0, 0), False, False, 1, 0, 0.9),
        # 10 n-grams: confidence .75
        ((1, 0, 0), True, False, 10, 1, 0.5625),
        ((0, 1, 0), True, False, 10, 1, 0.4375),
        ((1, 0, 0), True, True, 10, 4, 0.525),
        ((0, 1, 0), True, True, 10, 4, 0.2875),
        ((0, 0, 1), True, True, 10, 4, 0.1875),
        # and 2 words of an answer: confidence .75 of what it has by now
        ((0, 1, 0), True, True, 10, 2, 0.215625),
        ((0, 0, 1), True, True, 10, 2, 0.259375),
    ],
)
def test_the_weights_are_those_of_simple(
    overlaps: tuple[float, float, float],
    answer: bool,
    passage: bool,
    grams: int,
    tokens: int,
    expected: float,
) -> None:
    floats = tuple(map(float, overlaps))
    assert score_of(floats, answer, passage, grams, tokens) == pytest.approx(expected)
    assert slow.score(floats, answer, passage, grams, tokens) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tokens", "required"), [(1, 1.0), (20, 1.0), (35, 0.9), (50, 0.8), (999, 0.8)]
)
def test_short_items_need_a_higher_score(tokens: int, required: float) -> None:
    assert required_score(tokens, 0.8) == pytest.approx(required)
    assert shortened(1.0, tokens, 0.8) == 1.0
    assert shortened(0.9, tokens, 0.8) == pytest.approx(0.9 * 0.8 / required, abs=1e-6)
    assert shortened(required, tokens, 0.8) >= 0.8
    assert shortened(0.79, tokens, 0.8) < 0.8


@given(texts)
def test_places_are_those_of_the_words(text: str) -> None:
    content, offsets = packed([text], before="é")
    starts, ends = word_places(content, int(offsets[0]), int(offsets[1]))
    body = text.encode()
    tokens = slow.split(text)
    assert len(starts) == len(tokens)
    before = 0
    for token, start, end in zip(tokens, starts.tolist(), ends.tolist(), strict=True):
        assert slow.split(body[before:start].decode()) == []
        stretch = body[start:end].decode()
        assert slow.split(stretch) == [token]
        assert stretch == stretch.strip()
        before = end
    assert slow.split(body[before:].decode()) == []


def words(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(count)]


def test_a_match_inside_another_items_match_is_found() -> None:
    """The second question lies in the middle of the first."""
    outer = words(1, 80)
    inner = " ".join(outer[30:55])
    index = index_of([slow.Item(" ".join(outer)), slow.Item(inner), slow.Item("e d c b a f g h")])
    found = matches(index, " ".join(["before", *outer, "behind"]))
    assert [match[:3] for _, match in found] == [(0, 1, 81), (1, 31, 56)]


def test_a_question_is_found_wherever_it_stands() -> None:
    question = words(2, 9)
    index = index_of([slow.Item(" ".join(question)), slow.Item(" ".join(words(3, 30)))])
    filler = words(4, 5000)
    for at in range(1000, 1020):
        document = " ".join([*filler[:at], *question, *filler[at:]])
        assert [match[:3] for _, match in matches(index, document)] == [(0, at, at + 9)]


def test_wrapping_case_and_punctuation_do_not_matter() -> None:
    question = words(5, 24)
    index = index_of([slow.Item(" ".join(question)), slow.Item(" ".join(words(6, 30)))])
    wrapped = "\n".join(" ".join(question[i : i + 3]) for i in range(0, 24, 3))
    for text in (wrapped, wrapped.upper(), wrapped.replace("\n", ",\r\n\n — ")):
        [(_, match)] = matches(index, "so: " + text)
        assert match.score == 1.0


def test_a_question_that_repeats_itself_is_found_whole() -> None:
    part, rest = words(7, 30), words(8, 10)
    index = index_of([slow.Item(" ".join([*part, *part, *rest]))])
    [(_, match)] = matches(index, " ".join([*part, *part, *rest]))
    assert (match.first, match.end, match.score) == (0, 70, 1.0)


def test_every_copy_in_a_document_is_found_and_none_walked_twice() -> None:
    question = words(9, 40)
    index = index_of([slow.Item(" ".join(question)), slow.Item(" ".join(words(10, 40)))])
    found = matches(index, " ".join(question * 3000))
    assert [match.first for _, match in found] == list(range(0, 40 * 3000, 40))


@pytest.mark.parametrize(("distance", "found"), [(0, True), (49, True), (50, False)])
def test_short_answers_stand_within_fifty_words(distance: int, found: bool) -> None:
    question, filler = words(11, 30), words(12, 200)
    index = index_of([slow.Item(" ".join(question), "42"), slow.Item(" ".join(words(13, 30)))])
    document = " ".join([*question, *filler[:distance], "42", *filler])
    assert [match.score for _, match in matches(index, document)] == [1.0] * found


@pytest.mark.parametrize(("distance", "score"), [(0, 1.0), (70, 1.0), (85, None), (100, None)])
def test_long_answers_stand_within_a_hundred(distance: int, score: float | None) -> None:
    question, answer, filler = words(14, 30), words(15, 30), words(16, 300)
    item = slow.Item(" ".join(question), " ".join(answer))
    index = index_of([item, slow.Item(" ".join(words(17, 30)))])
    document = " ".join([*question, *filler[:distance], *answer, *filler])
    scores = [match.score for _, match in matches(index, document)]
    if distance == 85:  # half of the answer is in the window: 13 of 28 n-grams
        assert scores == [pytest.approx(0.75 + 0.25 * 13 / 28, abs=1e-6)]
    else:
        assert scores == ([] if score is None else [score])


def test_a_passage_counts_before_and_behind_the_question() -> None:
    question, passage = words(18, 30), words(19, 90)
    item = slow.Item(" ".join(question), "", " ".join(passage))
    index = index_of([item, slow.Item(" ".join(words(20, 30)))])
    for document in ([*passage, *question], [*question, *passage]):
        assert [match.score for _, match in matches(index, " ".join(document))] == [1.0]
    [(_, match)] = matches(index, " ".join(question))
    assert match.score == 0.85


@pytest.mark.parametrize(("changed", "found"), [([3, 8], True), ([8, 20, 32], False)])
def test_changed_words_lower_the_score(changed: list[int], found: bool) -> None:
    """54 n-grams; a changed word in the middle costs 5, the fourth 4."""
    question = words(21, 58)
    index = index_of([slow.Item(" ".join(question)), slow.Item(" ".join(words(22, 58)))])
    for place in changed:
        question[place] = "changed"
    scores = [match.score for _, match in matches(index, " ".join(question))]
    assert scores == [pytest.approx(45 / 54, abs=1e-6)] * found


def test_one_item_alone_is_found() -> None:
    """Its idf is 0."""
    question = words(23, 30)
    [(_, match)] = matches(index_of([slow.Item(" ".join(question))]), " ".join(question))
    assert match.score == 1.0


def test_empty_short_and_huge_documents() -> None:
    question = words(24, 30)
    index = index_of([slow.Item(" ".join(question))])
    huge = "word " * 400_000 + " ".join(question)
    found = matches(index, "", " ", "a", "a b c d", huge, "." * 1000, "\0\1")
    assert [(document, match.score) for document, match in found] == [(4, 1.0)]


@pytest.mark.parametrize(
    "text", ["今天天气很好我们去公园散步吧你说好吗", "ภาษาไทยนี้เขียนโดยไม่มีช่องว่าง"]
)
def test_scripts_without_spaces(text: str) -> None:
    index = index_of([slow.Item(text), slow.Item(" ".join(words(25, 30)))])
    assert [m.score for _, m in matches(index, f"Before {text}, behind", text[:-1])] == [1.0]


def test_documents_do_not_see_each_other() -> None:
    question = words(26, 30)
    index = index_of([slow.Item(" ".join(question)), slow.Item(" ".join(words(27, 30)))])
    halves = [" ".join(question[:15]), " ".join(question[15:]), " ".join(question)]
    assert [document for document, _ in matches(index, *halves, halves[2])] == [2, 3]


def test_n_grams_of_too_many_items_begin_nothing() -> None:
    """2001 items end alike; the one that has only the common end is not looked for."""
    end = words(28, 5)
    own = np.array(words(29, 2001 * 4)).reshape(2001, 4)
    given_items = [slow.Item(" ".join([*mine, *end])) for mine in own.tolist()]
    index = index_of(given_items)
    common = hash_of(tuple(end))
    assert common not in index.seeds.keys.tolist()
    assert [m.item for _, m in matches(index, given_items[7].question)] == [7]
