"""Kernels that go through documents once: against the obvious way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.documents_with import documents_with
from dolma_pipe.kernels.terminated import terminate
from tests.slow import documents as slow
from tests.texts import packed, texts

above = st.characters(min_codepoint=0x5C0, exclude_categories=["Cs"])


@settings(deadline=None)
@given(st.lists(texts, max_size=6), st.sets(above, max_size=3), st.data())
def test_documents_that_hold_a_code_point(
    documents: list[str], wanted: set[str], data: st.DataObject
) -> None:
    held = sorted({c for document in documents for c in document if ord(c) >= 0x5C0})
    wanted |= set(data.draw(st.lists(st.sampled_from(held), max_size=2))) if held else set()
    table = np.zeros(0x110000, bool)
    table[[ord(c) for c in wanted]] = True
    found = documents_with(*packed(documents, before="\u2581\u0899"), table)
    assert found.tolist() == slow.documents_with(documents, wanted)


@pytest.mark.parametrize("dtype", ["<u2", "<u4"])
@settings(deadline=None)
@given(documents=st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6))
def test_an_end_of_text_behind_each_document(dtype: Any, documents: list[list[int]]) -> None:
    ids = np.array([i for document in documents for i in document], np.uint32)
    offsets = np.cumsum([0, *map(len, documents)], dtype=np.int64)
    out = np.empty(len(ids) + len(documents), dtype)
    expected, highest, holds = slow.terminated(documents, 7)
    assert terminate(ids, offsets, 7, out) == (highest, holds)
    assert out.tolist() == expected
