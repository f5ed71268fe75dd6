import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.shingles import shingles_of
from dolma_pipe.kernels.simhash import fingerprints, majority
from tests.slow import simhash as slow
from tests.texts import packed, texts

hashes = st.integers(0, (1 << 64) - 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(hashes, max_size=20), st.sampled_from([1, 13, 64]))
def test_majority_equals_the_slow_reference(values: list[int], times: int) -> None:
    """Up to 1,280 values: a byte counts no more than 255."""
    repeated = values * times
    found = majority(np.array(repeated, np.uint64), len(repeated))
    assert int(found) == slow.majority(repeated)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, max_size=4), st.integers(1, 4), st.sampled_from(["", "x, 你"]))
def test_fingerprints_are_the_majority_of_the_distinct_shingles(
    documents: list[str], size: int, before: str
) -> None:
    text, offsets = packed(documents, before)
    for d, found in enumerate(fingerprints(text, offsets, size).tolist()):
        values, _ = shingles_of(text, offsets, np.array([d]), size)
        assert found == (max(slow.majority(sorted(set(values.tolist()))), 1) if len(values) else 0)


def test_a_shingle_counts_once_however_often_it_occurs() -> None:
    """Also when a large document has left its traces in the table."""
    text, offsets = packed(["a a a b c", "a", " ".join(map(str, range(3000))), "a b c", "c b a b"])
    often, alone, _, once, other_order = fingerprints(text, offsets, 1).tolist()
    assert often == once == other_order != alone


def test_half_of_the_values_is_no_majority() -> None:
    assert majority(np.array([1, 0], np.uint64), 2) == 0
    assert majority(np.array([1, 0, 1], np.uint64), 3) == 1
