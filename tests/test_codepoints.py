import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.codepoints import CodePoints
from tests.texts import packed, texts


@given(st.lists(texts, max_size=6), texts)
def test_every_border_there_and_back(documents: list[str], before: str) -> None:
    text, offsets = packed(documents, before)
    points = CodePoints(text, offsets)
    assert points.lengths.tolist() == [len(d) for d in documents]
    of = [d for d, document in enumerate(documents) for _ in range(len(document) + 1)]
    characters = [c for document in documents for c in range(len(document) + 1)]
    sizes = [len(documents[d][:c].encode()) for d, c in zip(of, characters, strict=True)]
    rows = np.array(of, np.int64)
    assert points.from_bytes(rows, np.array(sizes, np.int64)).tolist() == characters
    assert points.to_bytes(rows, np.array(characters, np.int64)).tolist() == sizes


def test_astral_combining_and_right_to_left() -> None:
    text = "x😀e\u0301שלום👩\u200d👧"
    packed_text, offsets = packed(["ab", text])
    points = CodePoints(packed_text, offsets)
    borders = [0, *itertools.accumulate(len(c.encode()) for c in text)]
    rows = np.ones(len(borders), np.int64)
    assert points.from_bytes(rows, np.array(borders)).tolist() == list(range(len(text) + 1))


def test_no_documents() -> None:
    points = CodePoints(np.empty(0, np.uint8), np.zeros(1, np.int64))
    none = np.empty(0, np.int64)
    assert points.lengths.tolist() == points.from_bytes(none, none).tolist() == []
    assert points.to_bytes(none, none).tolist() == []
