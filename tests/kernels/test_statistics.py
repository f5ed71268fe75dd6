import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.statistics import COLUMNS, statistics
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import statistics as slow
from tests.texts import packed, texts, texts_of

PIECES = ("the ", "the ", "THE", "É!", "ß ", "12", "\n\n", "\n \n", "\u3000", "好", "ǅ", "()")


@settings(max_examples=150, deadline=None)
@given(st.lists(texts_of(*PIECES) | texts, max_size=4), st.sampled_from(["", "THE é\n"]))
def test_columns_equal_the_slow_reference(documents: list[str], before: str) -> None:
    text, offsets = packed(documents, before)
    found = statistics(text, offsets, split_words(text, offsets), split_lines(text, offsets))
    for row, document in zip(found.tolist(), documents, strict=True):
        expected = slow.statistics(document)
        assert dict(zip(COLUMNS, row, strict=True)) == pytest.approx(expected, abs=1e-12)
