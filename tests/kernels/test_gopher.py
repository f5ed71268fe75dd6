import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.gopher import COLUMNS, gopher
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import gopher as slow
from tests.texts import packed, texts, texts_of

PIECES = ("the", "The", "THAT", "with", "of ", "...", "…", "# ", "•", "\n- ", " * x\n", "12", "é ")


def columns_of(
    documents: list[str], before: str = "", punctuation_is_word: bool = False
) -> list[dict[str, float]]:
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    found = gopher(text, offsets, words, lines, punctuation_is_word)
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.tolist()]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(texts_of(*PIECES) | texts, max_size=4),
    st.sampled_from(["", "..#\n你"]),
    st.booleans(),
)
def test_counts_equal_the_slow_reference(
    documents: list[str], before: str, punctuation_is_word: bool
) -> None:
    rows = columns_of(documents, before, punctuation_is_word)
    for found, document in zip(rows, documents, strict=True):
        assert found == pytest.approx(slow.gopher(document, punctuation_is_word), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("", "words", 0),
        ("", "mean_word_length", 0),
        ("a b\u3000c", "words", 3),
        ("你好世界", "words", 4),
        ("é 𝒜𝒜", "mean_word_length", 1.5),
        ("é 𝒜𝒜", "characters", 4),
        ("# # x ...", "symbol_to_word_ratio", 2 / 4),
        ("a... b… ..... c", "symbol_to_word_ratio", 3 / 4),
        ("- a\n • b\n\n* c\nd", "bullet_lines", 3 / 4),
        ("a...\nb… \r\nc\n \n", "ellipsis_lines", 2 / 3),
        ("a 12 é3 —", "alphabetic_words", 2 / 4),
        ("The the THE with without be, (of)", "stop_words", 2),
    ],
)
def test_values(text: str, column: str, value: float) -> None:
    assert columns_of([text])[0][column] == pytest.approx(value)
