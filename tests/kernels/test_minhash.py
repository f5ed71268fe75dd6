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


def test_keys_of_a_million_rows_collide_as_64_bits_should() -> None:
    """Rows that differ in little: no two keys are equal, and their halves are as chance has it."""
    count = 1_000_000
    rows = np.zeros((count, 8), np.uint32)
    rows[:, 3], rows[:, 6] = np.arange(count) % 1000, np.arange(count) // 1000
    keys = np.zeros(count, np.uint64)
    fill_bands(rows.ravel(), 8, keys)
    assert len(np.unique(keys)) == count
    expected = count**2 / 2**33  # pairs whose 32 bits agree
    for half in (keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)):
        pairs = count - len(np.unique(half))
        assert pairs == pytest.approx(expected, abs=5 * np.sqrt(expected))
    again = np.zeros(count, np.uint64)
    fill_bands(rows.ravel(), 8, again)
    assert (again == keys).all()


def test_keys_are_equal_only_where_all_rows_are() -> None:
    """Random signatures of few values, so that many rows are equal."""
    rows = np.random.default_rng(3).integers(0, 4, (200_000, 5)).astype(np.uint32)
    keys = np.zeros(len(rows), np.uint64)
    fill_bands(rows.ravel(), 5, keys)
    _, by_row = np.unique(rows, axis=0, return_inverse=True)
    pairs = np.unique(np.stack([by_row.ravel().astype(np.uint64), keys], axis=1), axis=0)
    assert len(pairs) == len(np.unique(by_row)) == len(np.unique(keys)) == 4**5


@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (26, 11), (20, 5)])
def test_recall_of_ten_thousand_pairs_is_that_of_theory(bands: int, rows: int) -> None:
    """At each Jaccard the share of pairs with a common key is within 2 points of the curve."""
    pairs, union = 10_000, 40
    a, b = permutations(bands * rows, 1)
    rng = np.random.default_rng(bands)
    for jaccard in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        common = round(union * jaccard)
        own = (union - common) // 2
        members = common + own
        values = rng.integers(1, 1 << 63, (pairs, union)).astype(np.uint64)
        found = np.zeros((2, pairs, bands), np.uint64)
        for side, first in enumerate((0, own)):
            for pair in range(pairs):
                row = np.full(bands * rows, EMPTY, np.uint32)
                lower_signature(row, values[pair, first : first + members], members, a, b)
                fill_bands(row, rows, found[side, pair])
        share = (found[0] == found[1]).any(axis=1).mean()
        assert common / union == jaccard
        assert share == pytest.approx(1 - (1 - jaccard**rows) ** bands, abs=0.02)
