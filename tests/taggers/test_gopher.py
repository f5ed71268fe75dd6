import pytest

from dolma_pipe.batch import batch_of
from tests.taggers.shelf import tagger, values


def test_columns_are_those_declared() -> None:
    gopher = tagger("gopher")
    assert tuple(gopher.tag(batch_of(["a", ""]))) == gopher.columns()


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("words", "word " * 49, 49),
        ("words", "word " * 50, 50),
        ("words", "字" * 50, 50),
        ("mean_word_length", "abc def", 3),
        ("mean_word_length", "ab def", 2.5),
        ("mean_word_length", "0123456789", 10),
        ("symbol_to_word_ratio", "# " + "word " * 9, 0.1),
        ("symbol_to_word_ratio", "# ... … " + "word " * 7, 0.2),
        ("bullet_lines", "- x\n" * 9 + "x\n", 0.9),
        ("bullet_lines", "• x\n" * 10, 1),
        ("ellipsis_lines", "x...\n" * 3 + "x\n" * 7, 0.3),
        ("ellipsis_lines", "x…\n" * 4 + "x\n" * 6, 0.4),
        ("alphabetic_words", "a b ג д 5", 0.8),
        ("alphabetic_words", "a b c 4 5", 0.6),
        ("stop_words", "the The the", 1),
        ("stop_words", "the cat AND dog", 2),
        ("stop_words", "the be to of and that have with", 8),
    ],
)
def test_values_at_the_published_borders(column: str, text: str, value: float) -> None:
    assert values("gopher", column, [text]) == [pytest.approx(value)]


@pytest.mark.parametrize(
    ("column", "text", "plain", "split"),
    [
        ("words", '"Yes," — she said.', 4, 3),
        ("mean_word_length", '"Yes," — she said.', 15 / 4, 10 / 3),
        ("alphabetic_words", '"Yes," — she said.', 3 / 4, 3 / 8),
        ("alphabetic_words", "a, b c d", 1, 0.8),
        ("alphabetic_words", "a, b. c d e f", 1, 0.75),
        ("symbol_to_word_ratio", "# word, word word", 1 / 4, 1 / 5),
        ("stop_words", "That, the", 1, 2),
        ("words", "...", 1, 0),
        ("mean_word_length", "...", 3, 0),
    ],
)
def test_punctuation_can_be_words(column: str, text: str, plain: float, split: float) -> None:
    assert values("gopher", column, [text]) == [pytest.approx(plain)]
    found = values("gopher", column, [text], punctuation_is_word=True)
    assert found == [pytest.approx(split)]
