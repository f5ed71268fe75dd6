"""Scores and decisions: the reason is the first rule of the recipe, whatever ran first."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pytest

from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.columns import Settled, scatter
from dolma_pipe.errors import RecipeError
from dolma_pipe.recipe import Rule
from dolma_pipe.stages.decide import (
    COMPACT_BELOW,
    KEPT,
    Decided,
    Known,
    NamedTagger,
    by_cost,
    decide,
)
from dolma_pipe.tagger import Column, Spans, Tagger


class Length(Tagger, frozen=True):
    cost: ClassVar[float] = 1.0

    def columns(self) -> tuple[str, ...]:
        return ("bytes",)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        return {"bytes": np.diff(batch.offsets)}


class Vowels(Tagger, frozen=True):
    cost: ClassVar[float] = 5.0
    seen: ClassVar[list[int]] = []

    def columns(self) -> tuple[str, ...]:
        return ("count", "places")

    def spans(self) -> tuple[str, ...]:
        return ("places",)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        self.seen.append(len(batch))
        places = [[i for i, c in enumerate(text) if c in "aeiou"] for text in batch.texts()]
        counts = np.array([len(found) for found in places], np.int64)
        starts = np.array([i for found in places for i in found], np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return {"count": counts, "places": Spans(offsets, starts, starts + 1, np.ones(len(starts)))}


TAGGERS = by_cost([NamedTagger("vowels", Vowels()), NamedTagger("length", Length())])
RULES = [
    Rule("language", "vowels.count", 2, None),
    Rule("quality", "length.bytes", 3, 8),
]
TEXTS = ["banana", "b", "aeiouaeiou", "bcdf", "papaya", "xyz", "melon"]


def reasons(decided: Decided) -> list[int]:
    return [int(place) for place in decided.dropped_by]


def numbers(column: Settled) -> list[float]:
    assert isinstance(column, np.ndarray)
    return [float(x) for x in column]


def test_cheap_taggers_run_first_and_what_they_drop_is_not_scored() -> None:
    assert [named.prefix for named in TAGGERS] == ["length", "vowels"]
    decided = decide(batch_of(TEXTS), TAGGERS, RULES)
    assert reasons(decided) == [KEPT, 1, 1, 0, KEPT, 0, KEPT]
    counts = numbers(decided.columns["vowels.count"])
    assert np.isnan(counts[1])
    assert np.isnan(counts[2])
    assert counts[3] == 0


def test_with_all_scores_the_first_rule_of_the_recipe_is_the_reason() -> None:
    decided = decide(batch_of(TEXTS), TAGGERS, RULES, score_all=True)
    assert reasons(decided) == [KEPT, 0, 1, 0, KEPT, 0, KEPT]
    assert numbers(decided.columns["vowels.count"])[:3] == [3, 0, 10]


def test_the_order_of_rules_and_not_of_taggers_decides() -> None:
    decided = decide(batch_of(TEXTS), TAGGERS, RULES[::-1], score_all=True)
    assert reasons(decided) == [KEPT, 0, 0, 1, KEPT, 1, KEPT]


@pytest.mark.parametrize("copies", [1, 50])
def test_a_document_fares_alike_in_any_company(copies: int) -> None:
    """Also where so much was dropped that the batch was copied without it."""
    texts = [*TEXTS, *(["much too long a text to be kept by the second rule"] * copies)]
    together = decide(batch_of(texts), TAGGERS, RULES)
    for d, text in enumerate(texts):
        alone = decide(batch_of([text]), TAGGERS, RULES)
        assert alone.dropped_by[0] == together.dropped_by[d]
        for name, column in alone.columns.items():
            whole = together.columns[name]
            if isinstance(column, Spans):
                assert isinstance(whole, Spans)
                first, last = whole.offsets[d : d + 2]
                assert column.starts.tolist() == whole.starts[first:last].tolist()
            else:
                assert repr(numbers(column)) == repr(numbers(whole)[d : d + 1])


def test_a_batch_is_copied_only_when_much_of_it_is_gone() -> None:
    Vowels.seen.clear()
    few = ["banana"] * 99 + ["b"]
    many = ["banana"] * 50 + ["much too long"] * 50
    assert COMPACT_BELOW > 50 * 6 / (50 * 6 + 50 * 13)
    decide(batch_of(few), TAGGERS, RULES)
    decide(batch_of(many), TAGGERS, RULES)
    assert Vowels.seen == [100, 50]


@pytest.mark.parametrize(
    ("low", "high", "kept"),
    [(3, 8, [3, 4, 8]), (3.5, None, [4, 8, 9]), (None, 3, [2, 3]), (4, 4, [4])],
)
def test_the_range_is_closed(low: float | None, high: float | None, kept: list[int]) -> None:
    texts = ["x" * n for n in (2, 3, 4, 8, 9)]
    decided = decide(batch_of(texts), TAGGERS[:1], [Rule("quality", "length.bytes", low, high)])
    assert [len(t) for t, by in zip(texts, decided.dropped_by, strict=True) if by == KEPT] == kept


def test_a_score_is_rounded_before_a_threshold_sees_it() -> None:
    decided = decide(
        batch_of(["a"]),
        [NamedTagger("noise", noise(lambda: 0.3 + 4e-7))],
        [Rule("quality", "noise.x", None, 0.3)],
    )
    assert decided.dropped_by[0] == KEPT


def test_a_document_without_a_score_is_outside_of_every_range() -> None:
    for bounds in ((0.0, None), (None, 1.0)):
        rules = [Rule("quality", "noise.x", *bounds)]
        decided = decide(batch_of(["a"]), [NamedTagger("noise", noise(lambda: np.nan))], rules)
        assert decided.dropped_by[0] == 0


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"y": np.zeros(2)}, r"Wrong\.tag gave the columns y, announced are x"),
        ({"x": np.zeros(1)}, r"Wrong\.tag gave 1 values of x for 2 documents"),
        ({"x": Spans(np.zeros(3, np.int64), *[np.zeros(0)] * 3)}, r"gave x as spans, announced as"),
        ({"x": np.zeros(2), "y": np.zeros(2)}, "columns x, y, announced are x"),
    ],
)
def test_a_tagger_that_breaks_its_word_is_told(columns: dict[str, Column], told: str) -> None:
    """A column under another name would mean a rule that never drops anything."""

    class Wrong(Tagger, frozen=True):
        def columns(self) -> tuple[str, ...]:
            return ("x",)

        def tag(self, batch: Batch) -> Mapping[str, Column]:  # noqa: ARG002  wrong for any
            return columns

    with pytest.raises(RecipeError, match=told):
        decide(batch_of(["a", "b"]), [NamedTagger("wrong", Wrong())], [])


def test_taggers_are_not_asked_about_no_documents() -> None:
    Vowels.seen.clear()
    rules = [Rule("quality", "length.bytes", 1000, None)]
    decided = decide(batch_of(TEXTS), TAGGERS, rules)
    assert Vowels.seen == []
    assert np.isnan(numbers(decided.columns["vowels.count"])).all()
    places = decided.columns["vowels.places"]
    assert isinstance(places, Spans)
    assert places.offsets.tolist() == [0] * (len(TEXTS) + 1)


def test_who_has_a_score_is_not_scored_again() -> None:
    """Not even where but one of many has one."""
    Vowels.seen.clear()
    first = decide(batch_of(TEXTS[:1]), TAGGERS[1:], [])
    rest = [f"{text}a" for text in TEXTS[1:]]
    columns = {
        name: scatter(column, np.array([0]), len(TEXTS)) for name, column in first.columns.items()
    }
    known = Known(columns, [np.arange(len(TEXTS)) == 0])
    again = decide(batch_of(["other", *rest]), TAGGERS[1:], [], known=known)
    assert Vowels.seen == [1, len(TEXTS) - 1]
    assert numbers(again.columns["vowels.count"]) == [3, *(c.count("a") + _eiou(c) for c in rest)]
    assert again.scored[0].all()


def _eiou(text: str) -> int:
    return sum(text.count(vowel) for vowel in "eiou")


def noise(value: Callable[[], float]) -> Tagger:
    class Noise(Tagger, frozen=True):
        def columns(self) -> tuple[str, ...]:
            return ("x",)

        def tag(self, batch: Batch) -> Mapping[str, Column]:
            return {"x": np.full(len(batch), value())}

    return Noise()
