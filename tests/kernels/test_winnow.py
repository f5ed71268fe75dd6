"""Fingerprints: every window has one, and equal windows the same one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.kernels.winnow import winnow
from tests.texts import packed

repetitive = st.one_of(
    st.text("ab", max_size=60),
    st.lists(st.sampled_from(["aaaaaaaa", "abcabcabc", "xyz", "é"]), max_size=8).map("".join),
)


@given(st.lists(repetitive, max_size=5), st.integers(2, 6), st.integers(0, 8), st.integers(0, 2))
def test_equal_windows_have_equal_fingerprints(
    documents: list[str], size: int, more: int, seed: int
) -> None:
    width = size + more
    text, offsets = packed(documents, before="before")
    found = winnow(text, offsets, size, width, seed)
    assert (found.windows > 0).all()
    of_window: dict[bytes, int] = {}
    place = {(-1, -1)}
    for hashed, row, start, windows in zip(*(c.tolist() for c in found), strict=True):
        encoded = documents[row].encode()
        for i in range(start, start + windows):
            assert (row, i) not in place
            place.add((row, i))
            window = encoded[i : i + width]
            assert len(window) == width
            assert of_window.setdefault(window, hashed) == hashed
    assert len(place) - 1 == sum(max(0, len(d.encode()) - width + 1) for d in documents)


def test_there_are_few_fingerprints_whatever_the_text() -> None:
    chance = np.random.default_rng(1)
    texts = {
        "random": chance.integers(0, 256, 300_000),
        "one character": np.full(300_000, 97),
        "three characters": np.tile([1, 2, 3], 100_000),
        "a long period": np.tile(chance.integers(0, 256, 300), 1000),
    }
    for text in texts.values():
        found = winnow(text.astype(np.uint8), np.array([0, len(text)]), 64, 500)
        assert len(found.hashes) < 300_000 * 2.2 / 437


def test_a_window_that_is_all_of_the_fingerprint_is_its_own() -> None:
    text, offsets = packed(["abcdabcd"])
    found = winnow(text, offsets, 4, 4)
    assert found.windows.tolist() == [1] * 5
    assert found.hashes[0] == found.hashes[4]


@pytest.mark.parametrize("documents", [[], [""], ["short", ""]])
def test_short_documents_have_none(documents: list[str]) -> None:
    text, offsets = packed(documents)
    assert len(winnow(text, offsets, 4, 6).hashes) == 0


def test_another_seed_chooses_other_places() -> None:
    text = np.random.default_rng(2).integers(0, 256, 10_000).astype(np.uint8)
    one, other = (winnow(text, np.array([0, len(text)]), 16, 100, seed) for seed in (0, 1))
    assert not np.intersect1d(one.hashes, other.hashes).size
    assert np.intersect1d(one.starts, other.starts).size < len(one.starts) / 2
