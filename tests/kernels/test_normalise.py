from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.normalise import collapse_white_space
from tests.texts import packed, texts


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, max_size=4), st.sampled_from(["", "before "]))
def test_equals_split_and_join(documents: list[str], before: str) -> None:
    text, offsets = collapse_white_space(*packed(documents, before))
    raw = text.tobytes()
    found = [raw[a:b].decode() for a, b in pairwise(offsets)]
    assert found == [" ".join(document.split()) for document in documents]


def test_case_and_punctuation_stay() -> None:
    text, _ = collapse_white_space(*packed(["\tIf  x:\n\treturn X;\u3000"]))
    assert text.tobytes() == b"If x: return X;"
