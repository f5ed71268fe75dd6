import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.repetition import COLUMNS, repetition
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import repetition as slow
from tests.texts import packed, texts, texts_of


def rows_of(documents: list[str], *how: bool, before: str = "") -> list[list[float]]:
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    return [[float(x) for x in row] for row in repetition(text, offsets, words, lines, *how)]


few_words = st.lists(st.sampled_from(["a ", "bb ", "é ", "你", "\n", "\n\n"]), max_size=120)
repetitive = few_words.map("".join) | st.tuples(texts_of("x y ", "a\n"), st.integers(1, 4)).map(
    lambda t: t[0] * t[1]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(repetitive | texts, max_size=4),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from(["", "a bb a bb "]),
)
def test_shares_equal_the_slow_reference(
    documents: list[str], how: tuple[bool, bool, bool], before: str
) -> None:
    found = rows_of(documents, *how, before=before)
    for row, document in zip(found, documents, strict=True):
        assert row == pytest.approx(slow.repetition(document, *how), abs=1e-12)


TEN = "one two three four five six seven eight nine ten "


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("", "duplicate_lines", 0),
        ("a\nb\nc\nd", "duplicate_lines", 0),
        ("a\nb\na\na", "duplicate_lines", 2 / 4),
        ("a  b\n a b\n\n\nccc", "duplicate_lines", 1 / 3),
        ("aaa\nb\naaa\n", "duplicate_line_characters", 3 / 7),
        ("a\nb\n\na\nb\n\n \nc", "duplicate_paragraphs", 1 / 3),
        ("a\nbb\n\na\nbb\n\nccc", "duplicate_paragraph_characters", 3 / 9),
        ("a b c d", "top_2gram", 0),
        ("a b x a b y a b", "top_2gram", 6 / 8),
        ("a b cc dd a b x cc dd", "top_2gram", 8 / 13),
        ("a a a a a", "top_2gram", 1),
        ("a b c x a b c", "top_3gram", 6 / 7),
        ("a b c d a b c d", "top_4gram", 1),
        (TEN + TEN, "duplicate_10gram", 1 / 2),
        (TEN + "and " + TEN[:-4], "duplicate_10gram", 0),
        (TEN + "and " + TEN[:-4], "duplicate_9gram", 36 / (39 + 3 + 36)),
        ("a a a a a a", "duplicate_5gram", 5 / 6),
    ],
)
def test_values(text: str, column: str, value: float) -> None:
    assert rows_of([text])[0][COLUMNS.index(column)] == pytest.approx(value)


def test_every_member_counts_the_first_too() -> None:
    row = rows_of(["a\nb\na\na"], True)[0]
    assert row[:2] == [3 / 4, 3 / 4]
    assert rows_of([TEN + TEN], True)[0][-1] == 1


def test_a_long_document_among_short_ones() -> None:
    documents = ["a b a b", " ".join(f"w{i % 997} {i % 31}" for i in range(3000)), "x", "a b a b"]
    for row, document in zip(rows_of(documents), documents, strict=True):
        assert row == pytest.approx(slow.repetition(document))
