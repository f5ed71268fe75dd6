import pytest

from tests.taggers.shelf import values

LONG = "This line is longer than thirty characters"


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("line_punctuation", "One.\n" * 3 + "two\n" * 22, 0.12),
        ("line_punctuation", "One.\n" * 4 + "two\n\n" * 21, 0.16),
        ("line_punctuation", "你好。\nكيف؟\nनमस्ते।\nhow”\n", 0.75),
        ("line_punctuation", "One. \r\ntwo", 0.5),
        ("short_lines", f"{'x' * 30}\n" * 67 + f"{'x' * 31}\n" * 33, 0.67),
        ("short_lines", f"{'x' * 30}\n" * 66 + f"{'x' * 31}\n\n" * 34, 0.66),
        ("duplicate_line_characters", "abcde\n" * 2 + "x" * 40 + "\n", 0.1),
        ("duplicate_line_characters", "abcde\nabcde \n" + "x" * 39, 0),
        ("duplicate_line_characters", "a\n" * 2 + "x" * 98, 0.01),
        ("newlines_per_word", "one two\n" * 3 + "three four five six", 0.3),
        ("newlines_per_word", "one two\n" * 4 + "three four", 0.4),
        ("newlines_per_word", '"One, two..."\n', 1 / 6),
    ],
)
def test_values_at_the_published_borders(column: str, text: str, value: float) -> None:
    assert values("fineweb", column, [text]) == [pytest.approx(value)]


def test_settings() -> None:
    quoted = 'He said "yes"\n“No”\n'
    assert values("fineweb", "line_punctuation", [quoted]) == [0]
    assert values("fineweb", "line_punctuation", [quoted], end_marks=".!?'\"") == [0.5]
    assert values("fineweb", "short_lines", [LONG], short_length=42) == [1]
    assert values("fineweb", "newlines_per_word", ["a.\n"], punctuation_is_word=False) == [1]


def test_a_document_without_words_has_zeros() -> None:
    assert values("fineweb", "newlines_per_word", ["", "\n \n"]) == [0, 0]
