from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.shingles import fold_words, folding, most_words, shingles_of
from tests.slow import dedup as slow
from tests.slow.words import words
from tests.texts import packed, texts


def shingles(documents: list[str], size: int, before: str = "") -> list[list[int]]:
    text, offsets = packed(documents, before)
    values, borders = shingles_of(text, offsets, np.arange(len(documents)), size)
    return [values[a:b].tolist() for a, b in pairwise(borders)]


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.integers(1, 6), st.sampled_from(["", "x, 你"]))
def test_shingles_equal_the_slow_reference(documents: list[str], size: int, before: str) -> None:
    """Hashes cannot be foretold, but they must be equal exactly where the shingles are."""
    fast = shingles(documents, size, before)
    plain = [slow.shingles(document, size) for document in documents]
    assert [len(found) for found in fast] == [len(found) for found in plain]
    pairs = {p: f for a, b in zip(plain, fast, strict=True) for p, f in zip(a, b, strict=True)}
    assert [[pairs[p] for p in found] for found in plain] == fast
    assert len(set(pairs.values())) == len(pairs)
    assert 0 not in pairs.values()


@settings(max_examples=60, deadline=None)
@given(texts)
def test_words_find_room(document: str) -> None:
    text, offsets = packed([document])
    hashes = np.empty(most_words(offsets), np.uint64)
    count = fold_words(text, 0, len(text), folding(), hashes)
    assert count == len(words(slow.folded(document))) <= len(hashes)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Don't, (A-B)!", "dont ab", True),
        ("a b", "ab", False),
        ("a  \u2028 b", " a b\n", True),
        ("ÉTÉ à Ὀδυσσεύς", "été à ὀδυσσεύς", True),
        ("你好，世界", "你好世界", True),
        ("你好世界", "世界你好", False),
        ("a b c", "a c b", False),
    ],
)
def test_what_counts_as_the_same(one: str, other: str, same: bool) -> None:
    first, second = shingles([one, other], 1)
    assert (first == second) == same


def test_shingles_begin_at_every_word_and_follow_their_order() -> None:
    [found] = shingles(["a b c a b d"], 2)
    assert len(found) == 5
    assert found[0] == found[3] != found[4]


def test_only_the_rows_asked_for() -> None:
    text, offsets = packed(["one two", "three", "four five"])
    values, borders = shingles_of(text, offsets, np.array([2, 0]), 1)
    alone = shingles(["four five", "one two"], 1)
    assert borders.tolist() == [0, 2, 4]
    assert values.tolist() == alone[0] + alone[1]


def test_a_text_shorter_than_a_shingle_has_none() -> None:
    assert shingles(["", "one", "one two", "— … !"], 3) == [[], [], [], []]
    assert len(shingles(["one two three"], 3)[0]) == 1
