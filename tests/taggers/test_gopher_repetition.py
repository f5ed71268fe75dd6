import pytest

from dolma_pipe.batch import batch_of
from tests.taggers.shelf import tagger, values


def sentence(first: int, words: int) -> str:
    """Words of four letters, none of which occurs twice."""
    return " ".join(f"w{i:03}" for i in range(first, first + words)) + " "


def repeated(words: int, total: int) -> str:
    """So many words that repeat the first ones, of a total; all of four letters."""
    return sentence(0, total - words) + sentence(0, words)


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("duplicate_lines", "x\n" * 4 + "a\nb\nc\nd\ne\nf\n", 0.3),
        ("duplicate_lines", "x\n" * 5 + "a\nb\nc\nd\ne\n", 0.4),
        ("duplicate_paragraphs", "x\ny\n\n" * 4 + "a\n\nb\n\nc\n\nd\n\ne\n\nf\n\n", 0.3),
        ("duplicate_line_characters", "xx\nxx\nabcdef", 0.2),
        ("duplicate_line_characters", "xxx\nxxx\nabcd", 0.3),
        ("duplicate_paragraph_characters", "xx\n\n\nxx\n\nabc\ndef", 0.2),
        ("top_2gram", sentence(0, 2) + sentence(10, 16) + sentence(0, 2), 0.2),
        ("top_3gram", sentence(0, 3) + sentence(10, 14) + sentence(0, 3), 0.3),
        ("top_4gram", sentence(0, 4) + sentence(10, 42) + sentence(0, 4), 0.16),
        ("duplicate_5gram", repeated(15, 100), 0.15),
        ("duplicate_6gram", repeated(14, 100), 0.14),
        ("duplicate_7gram", repeated(13, 100), 0.13),
        ("duplicate_8gram", repeated(12, 100), 0.12),
        ("duplicate_9gram", repeated(11, 100), 0.11),
        ("duplicate_10gram", repeated(10, 100), 0.10),
        ("duplicate_10gram", repeated(9, 100), 0),
    ],
)
def test_values_at_the_published_borders(column: str, text: str, value: float) -> None:
    assert values("gopher_repetition", column, [text]) == [pytest.approx(value)]


def test_every_member_is_a_setting() -> None:
    text = "x\n" * 4 + "a\nb\nc\nd\ne\nf\n"
    found = values("gopher_repetition", "duplicate_lines", [text], every_member=True)
    assert found == [pytest.approx(0.4)]


def test_the_first_of_equal_ngrams_is_a_setting() -> None:
    for text, longest, first in (("a b cc dd", 0, 2 / 6), ("a b cc dd a b cc dd", 8 / 12, 4 / 12)):
        assert values("gopher_repetition", "top_2gram", [text]) == [pytest.approx(longest)]
        found = values("gopher_repetition", "top_2gram", [text], first_of_equal=True)
        assert found == [pytest.approx(first)]


def test_overlaps_are_a_setting() -> None:
    text = "a a a a a a"
    assert values("gopher_repetition", "duplicate_5gram", [text]) == [pytest.approx(5 / 6)]
    found = values("gopher_repetition", "duplicate_5gram", [text], overlaps=True)
    assert found == [pytest.approx(5 / 10)]


def test_columns_are_those_declared() -> None:
    repetition = tagger("gopher_repetition")
    assert tuple(repetition.tag(batch_of(["a", ""]))) == repetition.columns()
