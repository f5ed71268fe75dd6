import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.cursed import CURSED, CURSED_ENDS
from dolma_pipe.kernels.madlad400 import madlad400
from dolma_pipe.kernels.sentences import split_sentences
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import madlad400 as slow
from tests.slow.sentences import sentences
from tests.texts import packed, texts, texts_of

PIECES = ("a b c ", "Ab ", "É ", "(C ", "12", "()/+ ", "。", "mp3", "Ж", ". ", "abc ", "\n")
ROWS = (", ", "ab,", " cd,,", "é,", "x ", "xyz ", "wxyz ", " ", ",", "№", "| ")
CURSES = tuple(text for text, _ in CURSED) + CURSED_ENDS


def rules_of(documents: list[str], before: str = "") -> list[list[set[int]]]:
    """For each document and sentence, the rules that hold."""
    text, offsets = packed(documents, before)
    words = split_words(text, offsets)
    found = split_sentences(text, words, split_lines(text, offsets))
    flags = madlad400(text, words, found, 12, 0.5, 20, 500, 0.2).tolist()
    rules = [{rule for rule in range(1, 6) if flag & 1 << rule} for flag in flags]
    return [rules[found.offsets[d] : found.offsets[d + 1]] for d in range(len(documents))]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        texts_of(*PIECES, max_size=60) | texts_of(*ROWS, max_size=60) | texts_of(*CURSES) | texts,
        max_size=3,
    ),
    st.sampled_from(["", "A Bc 你。\n"]),
)
def test_rules_equal_the_slow_reference(documents: list[str], before: str) -> None:
    expected = [[slow.rules(s) for s in sentences(document)] for document in documents]
    assert rules_of(documents, before) == expected


@settings(max_examples=200, deadline=None)
@given(st.text("ab ,", max_size=60) | st.text("a ", min_size=30, max_size=60))
def test_rows_equal_the_published_expressions(text: str) -> None:
    assert rules_of([text])[0] == [slow.rules(s) for s in sentences(text)]


@pytest.mark.parametrize(
    ("sentence", "rules"),
    [
        ("An ordinary sentence of a few words.", set()),
        ("Ab Cd Ef Gh Ij Kl Mn op qr st uv wx", {2}),
        ("Ab Cd Ef Gh Ij Kl mn op qr st uv wx", set()),
        ("Ab Cd Ef Gh Ij Kl Mn Op Qr St Uv", set()),
        ('"Ab (Cd Éf Gh Ij Kl Mn Op Qr St Uv Wx', {2}),
        ("x" * 19, {3}),
        ("x" * 20, set()),
        ("é" * 500, set()),
        ("é" * 501, {3}),
        ("(12) is two of twenty characters"[:20], set()),
        ("((12)) is two of twenty"[:20], {4}),
        ("listen to the song as mp3 here", {5}),
        ("listen to the song as MP3 here", set()),
        ("Download the file from us, please", {5}),
        ("this and that and other things |", {5}),
        ("this | that and other things here", set()),
        ("we count to three, see page nr.", {5}),
        ("we count nr. three, see the page", set()),
        ("as seen in Vol. three of the book", {5}),
        ("as seen in Volume three of books", set()),
        ("so long a b c d e f g h i", {5}),
        ("so long a b c d e f g h", set()),
        ("x the cat and dog had one big day off", {5}),
        ("xy, ab, cd, ef, gh, and the rest", {5}),
        ("xy, ab, cd, ef, and the rest of it", set()),
        ("цена за одну штуку пять рублей шт.", {5}),
        ("lorem ipsum dolor sit amet again", {5}),
    ],
)
def test_rules(sentence: str, rules: set[int]) -> None:
    assert rules_of([sentence])[0] == [rules]


@pytest.mark.parametrize("pattern", CURSES)
def test_every_string_is_found_and_a_part_of_it_is_not(pattern: str) -> None:
    around = "zzzz zzzz zzzz" if pattern in CURSED_ENDS else "zzzz zzzz zzzz{}zzzz zzzz"
    whole = around.format(pattern) if "{}" in around else around + pattern
    part = re.sub(re.escape(pattern), pattern[1:-1], whole)
    assert 5 in rules_of([whole])[0][-1] | rules_of([whole])[0][0]
    assert not any(5 in rules for rules in rules_of([part])[0])
