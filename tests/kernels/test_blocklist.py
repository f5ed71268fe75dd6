import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.blocklist import compile_blocklist, count_blocked
from dolma_pipe.kernels.words import split_words
from tests.slow import blocklist as slow
from tests.texts import packed, texts, texts_of


def counts_of(documents: list[str], entries: list[str], before: str = "") -> list[int]:
    text, offsets = packed(documents, before)
    found = count_blocked(text, split_words(text, offsets), compile_blocklist(entries))
    return [int(x) for x in found]


WORDS = ("bad ", "Bad", "(worse)", "so ", "ÉTÉ ", "坏", "人", "!!", "İ", "a.b ")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(texts_of(*WORDS) | texts, max_size=3),
    st.lists(texts_of(*WORDS, max_size=3) | texts, max_size=5),
    st.sampled_from(["", "bad "]),
)
def test_counts_equal_the_slow_reference(
    documents: list[str], entries: list[str], before: str
) -> None:
    expected = [slow.count_blocked(d, entries) for d in documents]
    assert counts_of(documents, entries, before) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("BAD, worse and bad!", 2),
        ("badly", 0),
        ("it is so bad, so “bad”", 4),
        ("他是坏人。", 1),
        ("坏的人", 0),
        ("🖕", 1),
    ],
)
def test_counts(text: str, count: int) -> None:
    assert counts_of([text], ["bad", "So bad", "坏人", "🖕", ""]) == [count]
