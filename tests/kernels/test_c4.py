import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.c4 import COLUMNS, c4
from dolma_pipe.kernels.sentences import split_sentences
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import c4 as slow
from tests.texts import packed, texts, texts_of

MARKS = ".!?\"'”’"
PIECES = (
    "a b c d ",
    "word",
    ".\n",
    "...\n",
    "!” ",
    "?) ",
    "。",
    "JavaScript",
    "lorem Ipsum",
    "terms of use",
    "Use of cooKies",
    "uses cookies",
    "use cookies",
    "Privacy policy",
    "cookie policy",
    "{",
    " \t\n",
)


def results_of(
    documents: list[str], end_marks: str = MARKS, min_words: int = 5, before: str = ""
) -> list[tuple[list[float], str, list[int]]]:
    """The columns, the text without the removed lines, and the reasons."""
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    sentences = split_sentences(text, words, lines)
    found, removed = c4(text, offsets, words, lines, sentences, end_marks, min_words)
    results = []
    for d, document in enumerate(documents):
        spans = range(removed.offsets[d], removed.offsets[d + 1])
        raw, kept, here = document.encode(), b"", 0
        for k in spans:
            assert here <= removed.starts[k] < removed.ends[k]
            kept += raw[here : removed.starts[k]]
            here = int(removed.ends[k])
        reasons = [int(removed.reasons[k]) for k in spans]
        results.append((found[d].tolist(), (kept + raw[here:]).decode(), reasons))
    return results


@settings(max_examples=150, deadline=None)
@given(
    st.lists(texts_of(*PIECES, max_size=30) | texts, max_size=3),
    st.sampled_from([MARKS, ".。", ""]),
    st.integers(0, 6),
    st.sampled_from(["", "use cookies {\n"]),
)
def test_columns_and_text_equal_the_slow_reference(
    documents: list[str], end_marks: str, min_words: int, before: str
) -> None:
    for result, document in zip(
        results_of(documents, end_marks, min_words, before), documents, strict=True
    ):
        row, kept = slow.c4(document, end_marks, min_words)
        assert result[0] == pytest.approx(row, abs=1e-12)
        assert result[1] == kept


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("This line has five words.", []),
        ("  Is this line one question? \t", []),
        ("He said it was “enough.”", []),
        ("This line has five words", [1]),
        ("This line trails off here...", [1]),
        ("Only four words here.", [2]),
        ("Please enable JAVAscript in your browser.", [3]),
        ("We use cookies on this site.", [4]),
        ("Read our Terms of Use first, please.", [4]),
        ("这 是 一 行。", [1]),
        ("", []),
    ],
)
def test_reasons(line: str, reason: list[int]) -> None:
    assert results_of([line])[0][2] == reason


def test_removed_lines_take_their_line_feed_and_the_blank_lines_after_them() -> None:
    text = "\nOne two three four five.\n\nMenu\n \n\nSix seven eight nine ten!\nHome\n"
    row, kept, _ = results_of([text])[0]
    assert kept == "\nOne two three four five.\n\nSix seven eight nine ten!\n"
    assert row[:2] == [4, 2]
    assert row[2] == pytest.approx(8 / (24 + 4 + 25 + 4))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two three four five.", 1),
        ("One two. Three four! Five six?", 3),
        ("He said “no.” Then he left at once.", 2),
        ("It was fast, e.g. with five words.", 1),
        ("One (two.) Three four five.\nSix seven eight nine ten.", 3),
        ("One two. three. Élan four five? élan.", 2),
        ("short.\nOne two three four five.", 1),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert results_of([text])[0][0][COLUMNS.index("sentences")] == sentences


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("a { b", "has_curly_bracket", 1),
        ("a ( b", "has_curly_bracket", 0),
        ("Lorem IPSUM dolor", "has_lorem_ipsum", 1),
        ("lorem\nipsum", "has_lorem_ipsum", 0),
        ("see the Cookie Policy", "has_policy", 1),
        ("see the cookies policy", "has_policy", 0),
    ],
)
def test_flags(text: str, column: str, value: int) -> None:
    assert results_of([text])[0][0][COLUMNS.index(column)] == value
