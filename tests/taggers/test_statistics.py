import math

import pytest

from dolma_pipe.errors import RecipeError
from tests.taggers.shelf import tagger, values


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("characters", "é" * 149, 149),
        ("characters", "é" * 150, 150),
        ("bytes", "é" * 150, 300),
        ("words", "word " * 50, 50),
        ("lines", "a\n\nb\n \nc", 3),
        ("paragraphs", "a\nb\n\n\nc\n \nd", 3),
        ("sentences", "One. Two! three\nFour", 3),
        ("words_per_sentence", "One two. Three four five six.", 3),
        ("mean_word_length", "abc def", 3),
        ("max_word_length", "abc défg\n", 4),
        ("mean_line_length", "x" * 100 + "\n" + " " * 100 + "\n", 100),
        ("mean_line_length", "x" * 102 + "\n" + "x" * 100 + "\n", 101),
        ("max_line_length", " " + "é" * 999 + "\nx", 1000),
        ("max_line_length", "é" * 1001, 1001),
        ("unique_words", "a b a A", 0.75),
        ("word_entropy", "a b a b", math.log(2)),
        ("word_entropy", "a a", 0),
        ("capital_words", "NASA 3M Nasa no", 0.5),
        ("letters", "ab 1好", 0.6),
        ("digits", "ab 1٣", 0.4),
        ("upper_case", "Ab É", 0.5),
        ("punctuation", "a+b!", 0.5),
        ("white_space", "a \u3000\n", 0.75),
        ("non_ascii", "aé\u3000b", 0.5),
    ],
)
def test_values(column: str, text: str, value: float) -> None:
    assert values("statistics", column, [text]) == [pytest.approx(value)]


def test_stop_words_are_a_setting() -> None:
    assert "stop_words" not in tagger("statistics").columns()
    german = ["der", "und", "Straße"]
    text = "Der Hund, UND die straße."
    assert values("statistics", "stop_words", [text, ""], stop_words=german) == [0.6, 0]


def test_a_stop_word_is_one_word() -> None:
    with pytest.raises(RecipeError, match="'of the' is not one word"):
        tagger("statistics", stop_words=["of the"]).check()
