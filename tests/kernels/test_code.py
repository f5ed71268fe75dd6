import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.code import COUNTS, code_counts, visible_characters
from tests.slow import code as slow
from tests.texts import packed, texts, texts_of

pieces = (
    "\n", "\r\n", "\r", "x", "{", ";", "0x1f", "\\x1f", "1f", ",", " ", "\\u00e9", "\\u12", "=",
    "aB9/" * 8, "a" * 63,
)  # fmt: skip
markup = (
    "<", ">", "<p>", "</p>", "<script", "<script>", "</script>", "<STYLE>", "</style", "<!--",
    "-->", "--", "<!\r-", " ", "x", "<scripts>", "a < b", "<?", "é",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.lists(st.sampled_from(pieces), max_size=30).map("".join),
            st.lists(st.sampled_from(pieces[5:11]), max_size=60).map("".join),
            texts_of(*pieces),
            texts,
        ),
        max_size=4,
    ),
    st.sampled_from(["", "ab", "0x"]),
)
def test_counts_equal_the_slow_reference(documents: list[str], before: str) -> None:
    found = code_counts(*packed(documents, before))
    assert found.tolist() == [slow.code_counts(document) for document in documents]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(st.lists(st.sampled_from(markup), max_size=24).map("".join), texts_of(*markup)),
        max_size=4,
    )
)
def test_visible_characters_equal_the_slow_reference(documents: list[str]) -> None:
    text, offsets = packed(documents)
    found = visible_characters(text, offsets, np.ones(len(documents), np.bool_))
    assert found.tolist() == [slow.visible_characters(document) for document in documents]


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("x " + "QUJD" * 16, 64),
        ("x " + "QUJD" * 15, 0),
        ("x " + "0x1f, " * 8, 48),
        ("x " + "0x1f, " * 7, 0),
        ("x " + "\\x1f" * 8, 32),
        ("x " + "1f " * 8, 24),
        ("x " + "123 " * 8, 0),
        ("x " + "\\u00e9" * 8, 48),
        ("x " + "\\u00e9" * 7, 0),
    ],
)
def test_encoded_data(text: str, characters: int) -> None:
    found = code_counts(*packed([text]))[0].tolist()
    assert found[COUNTS.index("encoded")] == found[COUNTS.index("longest_encoded")] == characters
