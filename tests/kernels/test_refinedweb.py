import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.refinedweb import refinedweb
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import refinedweb as slow
from tests.texts import packed, texts, texts_of

PUBLISHED = (0.5, 0.999999, 2, 10)
PIECES = (
    "one two\n",
    "AB ",
    "É",
    "12",
    "3 likes\n",
    "1.5K views!\n",
    "(10,0m ",
    "Followers",
    "sign-in",
    "Sign-in ",
    " read more...\n",
    "Read More…",
    " items in cart",
    "one",
    " \t\n",
    "\n\n",
    "- _",
)


def results_of(
    documents: list[str], limits: slow.Limits = PUBLISHED, before: str = ""
) -> list[tuple[list[float], str, list[int]]]:
    """The columns, the text without what is removed, and the reasons."""
    text, offsets = packed(documents, before)
    words, lines = split_words(text, offsets), split_lines(text, offsets)
    found, removed = refinedweb(text, offsets, words, lines, *limits)
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


@settings(max_examples=250, deadline=None)
@given(
    st.lists(texts_of(*PIECES, max_size=30) | texts, max_size=3),
    st.sampled_from([PUBLISHED, (0.3, 0.5, 0, 3), (1.0, 1.0, 1, 10)]),
    st.sampled_from(["", "ONE\nsign-in"]),
)
def test_columns_and_text_equal_the_slow_reference(
    documents: list[str], limits: slow.Limits, before: str
) -> None:
    for result, document in zip(results_of(documents, limits, before), documents, strict=True):
        row, kept = slow.refinedweb(document, limits)
        assert result[0] == pytest.approx(row, abs=1e-12)
        assert result[1] == kept


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ("an ordinary line", []),
        ("", []),
        ("ABcd ab", []),
        ("ABCd a", []),
        ("ABCD a", [1]),
        ("ÉÀÜ é", [1]),
        ("12 345", []),
        ("12345", [2]),
        ("٣٤٥", [2]),
        ("3 likes", [3]),
        ("  (1,234.5K  Views) ", [3]),
        ("… 7 followers", [3]),
        ("3 likes this", []),
        ("about 3 likes", []),
        ("3 cats", []),
        ("3likes here", []),
        ("Home", [4]),
        ("- Home -", [4]),
        ("----", [4]),
        ("你好", []),
        ("Sign-in or register", [5]),
        ("Please sign-in or register", []),
        ("Sign-ins are up", []),
        ("The story goes on read more...", [5]),
        ("read more... about it", []),
        ("You have 3 items in cart now", [5]),
        ("items in carts everywhere", []),
        ("a b c d e f g h i j items in cart", []),
    ],
)
def test_reasons(line: str, reasons: list[int]) -> None:
    assert results_of([line])[0][2] == reasons


def test_a_line_of_nothing_but_phrases_goes_whole() -> None:
    row, kept, reasons = results_of(["one two\n sign-in items in cart\n\nthree four"])[0]
    assert kept == "one two\nthree four"
    assert reasons == [5]
    assert row == pytest.approx([3, 2, 4 / 8, 0, 0, 0, 0, 2])


def test_phrases_take_one_blank_along() -> None:
    text = "Sign-in to go on\n2 items in cart now\nSo it goes Read more...\n"
    assert results_of([text])[0][1] == "to go on\n2 now\nSo it goes\n"
