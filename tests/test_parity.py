"""Parity: the plain definitions give our numbers, and a difference is laid at the right point."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.parity import c4, fineweb, gopher, pii, repetition, tell, tools
from benchmarks.parity.__main__ import DATATROVE, DOLMA, points
from benchmarks.parity.compare import UNEXPLAINED, compare, compare_spans, whole
from benchmarks.parity.documents import Doc, code_points
from benchmarks.parity.rules import OURS, Rule
from dolma_pipe.kernels.marks import SENTENCE_TERMINALS
from tests.slow.words import words
from tests.taggers.shelf import values

TEXTS = [
    "The quick brown fox and the lazy dog have met. To be with that of is all.\nShort line...",
    "",
    " \n\n ",
    "one two three four five one two three four five",
    "- a\n\n- b\n\n* c\n  • d\n…\nends here …",
    "same line here\nsame line here \n\nsame line here\nother\u2028line",
    "我们都是好朋友。今天天气很好。\n我们都是好朋友。\n\nthe and of",
    "#one #two ... three … {brace} Lorem Ipsum\n\n \nThe End",
    "a b c d e f g h i j k l a b c d e f g h i j k l",
]
COLUMNS = [*gopher.DOLMA, *repetition.DOLMA, *gopher.DATATROVE, *repetition.DATATROVE]
COLUMNS += fineweb.DATATROVE


def docs(texts: Sequence[str] = TEXTS) -> list[Doc]:
    told = {"terminal": SENTENCE_TERMINALS, "punctuation": "!.,"}
    return [Doc(text, told | {"words": text.replace(".", " . ").split()}) for text in texts]


def ours(rule: Rule) -> list[float]:
    variant, _, column = rule.ours.partition(".")
    name, settings = OURS[variant]
    return values(name, column, TEXTS, **settings)


@pytest.mark.parametrize("rule", COLUMNS, ids=lambda rule: f"{rule.ours}-{rule.theirs}")
def test_without_points_a_definition_is_ours(rule: Rule) -> None:
    found = [rule.value(doc, frozenset()) for doc in docs()]
    assert found == pytest.approx(ours(rule), abs=1e-9)


@pytest.mark.parametrize("rule", COLUMNS, ids=lambda rule: f"{rule.ours}-{rule.theirs}")
def test_every_choice_of_points_gives_a_number(rule: Rule) -> None:
    for size in range(len(rule.points) + 1):
        for choice in itertools.combinations(rule.points, size):
            for doc in docs():
                assert rule.value(doc, frozenset(choice)) >= 0


def test_lines_to_remove_are_those_of_the_tagger() -> None:
    rule = next(rule for rule in DOLMA if rule.ours == "c4_dolma.removed")
    mine = tools.ours_of(TEXTS, ["c4_dolma"])
    assert [rule.value(doc, frozenset()) for doc in docs()] == tools.our_values(rule, mine)


def test_runs_are_split_as_ours() -> None:
    for text in TEXTS:
        assert [w for run in text.split() for w in code_points(run)] == words(text)


def rule_of(rules: Sequence[Rule], name: str) -> Rule:
    return next(rule for rule in rules if rule.name == name)


def test_a_difference_is_laid_at_the_point_that_makes_it() -> None:
    rule = rule_of(gopher.DOLMA, "stop words")
    found = docs(["the the cat", "The and", "nothing", "the and"])
    theirs = [rule.value(doc, frozenset(rule.points)) for doc in found]
    mine = [rule.value(doc, frozenset()) for doc in found]
    told = compare(rule, found, mine, theirs)
    assert (told.only_ours, told.only_theirs, told.documents) == (1, 1, 4)
    assert told.causes == {"occurrences": 1, "case": 1}
    assert told.examples == {"occurrences": [0], "case": [1]}
    assert told.agree == 0.5
    assert told.same_definition == 1


def test_two_points_can_be_needed() -> None:
    rule = rule_of(gopher.DOLMA, "bullets")
    found = docs(["  • a\n  • b"])
    told = compare(rule, found, [1.0], [0.0])
    assert told.causes == {"marks and indent": 1}


def test_what_the_definition_does_not_give_is_not_explained() -> None:
    rule = rule_of(gopher.DOLMA, "stop words")
    told = compare(rule, docs(["the and of"]), [3.0], [0.0])
    assert told.causes == {UNEXPLAINED: 1}
    assert told.same_definition == 0


def test_a_tool_that_dies_is_counted_apart() -> None:
    rule = rule_of(gopher.DATATROVE, "words with a letter")
    told = compare(rule, docs(["", "one"]), [0.0, 1.0], [None, True])
    assert (told.documents, told.dies, told.agree) == (1, 1, 1.0)


def test_a_strict_border_is_told() -> None:
    [rule] = DATATROVE["language"]
    doc = Doc("x", {"english": 0.65, "english_lower": 0.0})
    told = compare(rule, [doc], [0.65], [False])
    assert told.causes == {"border": 1}


def test_whole_filters_are_counted() -> None:
    told = whole("all", [], [True, False, True], [True, True, None])
    assert (told.documents, told.only_ours, told.only_theirs, told.dies) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("kind", "text", "found", "cause"),
    [
        ("phone", "id 7 5551234567 8", "5551234567", "ten digits in a row"),
        ("phone", "id 15551234567 8", "5551234567", "cut out of a longer"),
        ("phone", "call 055 123 4567", "055 123 4567", "area code"),
        ("ip", "OID 1.3.6.1.4.1", "1.3.6.1", "cut out of a longer"),
        ("ip", "at 10.01.2.3 now", "10.01.2.3", "leading zero"),
        ("ip", "version 9.1.2.33 now", "9.1.2.33", "announces a version"),
        ("ip", "see 9.1.2.3 now", "9.1.2.3", "version or a section"),
        ("phone", "call 250 505-5012", "250 505-5012", "joined by blanks"),
        ("email", "x foo@bar..baz y", "foo@bar..baz", "no domain name"),
    ],
)
def test_why_a_span_is_only_theirs(kind: str, text: str, found: str, cause: str) -> None:
    start = text.index(found)
    [(why, _)] = pii.causes(kind, text, [], [[start, start + len(found)]])
    assert why.startswith("only theirs: ")
    assert cause in why


def test_why_a_span_is_only_ours() -> None:
    [(why, _)] = pii.causes("email", "to a@b.org", [[3, 10]], [])
    assert "no white space after" in why
    [(why, _)] = pii.causes("phone", "555-123-4567", [[0, 12]], [])
    assert "no white space before" in why
    assert pii.causes("email", "to a@b.org", [[3, 10]], [[2, 10]]) == []


def test_spans_are_compared_by_documents() -> None:
    spans: dict[str, list[list[Any]]] = {"email": [[[3, 10]], [], []]}
    nothing: dict[str, list[list[Any]]] = {"email": [[], [], []]}
    told = compare_spans("any", ["email"], 0, docs(["to a@b.org", "", ""]), spans, nothing)
    assert (told.only_ours, told.only_theirs, told.same_definition) == (1, 0, 1)


def test_the_table_names_the_points_that_were_needed() -> None:
    rule = rule_of(gopher.DOLMA, "stop words")
    told = compare(rule, docs(["the the cat"]), [1.0], [2.0])
    section = tell.section("dolma", [(told, rule)], points([(told, rule)]))
    assert (
        "| stop words | ≥ 2 | gopher.stop_words | required_word_count | 0.00% | 1 | 0 |" in section
    )
    assert "- occurrences: " in section
    assert "- case: " not in section
    [numbers] = tell.as_json("dolma", [(told, rule)])
    assert numbers["causes"] == {"occurrences": 1}


def test_sentences_are_those_of_the_lines_that_stay() -> None:
    rule = rule_of(c4.DATATROVE, "sentences")
    text = "One two three. Four five six.\nno end\nWe use cookies here."
    doc = Doc(text, {"sentences": [2, 1, 1], "our_sentences": dict.fromkeys(text.split("\n"), 2)})
    assert rule.value(doc, frozenset()) == 2
    assert rule.value(doc, frozenset(rule.points)) == 2
