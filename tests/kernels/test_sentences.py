import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.batch import batch_of
from dolma_pipe.kernels.sentences import split_sentences
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow.sentences import sentences as slow
from tests.texts import packed, texts, texts_of

PIECES = (
    "a. ",
    "B! ",
    "É",
    "é",
    "?) ",
    "…”",
    "。",
    "！」",
    "你好",
    "။",
    "।",
    "1.5",
    ".\n",
    "'",
    ")",
)


def sentences_of(documents: list[str], before: str = "") -> list[list[str]]:
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    found = split_sentences(text, words, lines)
    return [
        [
            text[found.starts[s] : found.ends[s]].tobytes().decode()
            for s in range(found.offsets[d], found.offsets[d + 1])
        ]
        for d in range(len(documents))
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(texts_of(*PIECES) | texts, max_size=4), st.sampled_from(["", "A. 你。\n"]))
def test_sentences_equal_the_slow_reference(documents: list[str], before: str) -> None:
    assert sentences_of(documents, before) == [slow(document) for document in documents]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n\u3000\n", []),
        ("One two", ["One two"]),
        (" One two.  Three! \n\nFour", ["One two.", "Three!", "Four"]),
        ("He said “no.” Then (he left.) So", ["He said “no.”", "Then (he left.)", "So"]),
        ("It was fast, e.g. with 1.5 words.", ["It was fast, e.g. with 1.5 words."]),
        ("Был. Он! да? нет", ["Был.", "Он! да? нет"]),
        ("今天很好。大家去玩！？」好", ["今天很好。", "大家去玩！？」", "好"]),
        ("Hello。world。 again", ["Hello。", "world。", "again"]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        (". . .", [".", ".", "."]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_of([text])[0] == sentences
    assert slow(text) == sentences


def test_a_batch_splits_once() -> None:
    batch = batch_of(["One. Two.", "", "Three"])
    assert batch.sentences.offsets.tolist() == [0, 2, 2, 3]
    assert batch.sentences is batch.sentences
