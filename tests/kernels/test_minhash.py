import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.minhash import (
    EMPTY,
    band_keys,
    fill_bands,
    lower_signature,
    permutations,
)
from dolma_pipe.kernels.shingles import shingles_of
from tests.texts import packed


def signature(values: list[int], count: int, seed: int) -> list[int]:
    found = np.full(count, EMPTY, np.uint32)
    lower_signature(found, np.array(values, np.uint64), len(values), *permutations(count, seed))
    return found.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, (1 << 64) - 1), max_size=40),
    st.sampled_from([1, 7, 112, 286]),
    st.integers(0, (1 << 32) - 1),
)
def test_signatures_equal_those_of_datasketch(values: list[int], count: int, seed: int) -> None:
    """datasketch is fed the low 32 bits, the part that ours uses."""
    reference = datasketch.MinHash(
        num_perm=count, seed=seed, scheme="affine32", hashfunc=lambda value: value & 0xFFFFFFFF
    )
    for value in values:
        reference.update(value)
    assert signature(values, count, seed) == reference.hashvalues.tolist()


def test_the_share_of_equal_values_estimates_jaccard() -> None:
    random = np.random.default_rng(5).integers(1, 1 << 63, 1200)
    one, other = (
        signature(random[:900].tolist(), 2048, 1),
        signature(random[300:].tolist(), 2048, 1),
    )
    equal = np.mean(np.array(one) == np.array(other))
    assert equal == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 2048))


def test_a_band_key_depends_on_all_its_rows_and_on_nothing_else() -> None:
    row = np.arange(12, dtype=np.uint32)
    keys, changed = np.zeros(3, np.uint64), np.zeros(3, np.uint64)
    fill_bands(row, 4, keys)
    row[7] ^= np.uint32(1)
    fill_bands(row, 4, changed)
    assert (keys != changed).tolist() == [False, True, False]
    assert keys.all()


def test_band_keys_are_those_of_the_signature_of_the_shingles() -> None:
    text, offsets = packed(["Too short", "one two three four five six", "你好世界你好吗"])
    keys = band_keys(text, offsets, 3, 4, 2, seed=9)
    assert keys[0].tolist() == [0, 0, 0, 0]
    for row in (1, 2):
        values, _ = shingles_of(text, offsets, np.array([row]), 3)
        expected = np.zeros(4, np.uint64)
        fill_bands(np.array(signature(values.tolist(), 8, 9), np.uint32), 2, expected)
        assert keys[row].tolist() == expected.tolist()
