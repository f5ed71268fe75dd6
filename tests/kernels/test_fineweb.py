import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.fineweb import fineweb
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import fineweb as slow
from tests.texts import packed, texts, texts_of

PIECES = (
    "a",
    "bc.\n",
    "bc.\n",
    " bc.\n",
    "'é'\n",
    "!! ",
    '"x?)" ',
    "...",
    "。\n",
    "。 \r\n",
    "«",
    "\n\n",
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(texts_of(*PIECES) | texts, max_size=3),
    st.sampled_from([".!?'\"", "。é"]),
    st.integers(0, 6),
    st.booleans(),
    st.sampled_from(["", "bc.\nx"]),
)
def test_shares_equal_the_slow_reference(
    documents: list[str], end_marks: str, short: int, punctuation: bool, before: str
) -> None:
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    found = fineweb(text, offsets, words, lines, end_marks, short, punctuation)
    for row, document in zip(found.tolist(), documents, strict=True):
        expected = slow.fineweb(document, end_marks, short, punctuation)
        assert row == pytest.approx(expected, abs=1e-12)
