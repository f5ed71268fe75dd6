"""Training sees what prediction sees: the tagger scores the original text as it was learned."""

import numpy as np
import pytest
from hypothesis import given, settings

from dolma_pipe.batch import batch_of
from dolma_pipe.learn.texts import as_seen, shapes
from tests.texts import texts

fasttext = pytest.importorskip("fasttext")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a b\nc\r\nd\te\x0bf\x0cg\0h", "a b c d e f g h"),
        ("  \n ", ""),
        ("no\u00a0break\u2003and\x1cothers are no spaces", None),
        ("Case, stays.", None),
        ("a __label__hq b __label__ c", "a b c"),
        ("a </s> b", "a"),
        ("a</s> b", None),
    ],
)
def test_as_seen(text: str, seen: str | None) -> None:
    assert as_seen(text.encode()).decode() == (text if seen is None else seen)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_words_are_those_of_the_library(text: str) -> None:
    """Its tokenizer has no labels, and goes on behind </s>."""
    seen = as_seen(text.encode()).decode()
    if "__label__" not in text and "</s>" not in text:
        words = fasttext.tokenize(text.replace("\n", " "))
        assert seen.split(" ") == (words or [""])
    assert as_seen(seen.encode()).decode() == seen


def test_shapes() -> None:
    batch = batch_of(["", "abc", "äö\n\nüüüü\n", "\n\n", "数据"])
    characters, line_lengths = shapes(batch)
    np.testing.assert_array_equal(characters, [0, 3, 9, 2, 2])
    np.testing.assert_array_equal(line_lengths, [0, 3, 3, 0, 2])
