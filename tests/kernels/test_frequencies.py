"""n-grams are counted and summaries merged as the slow reference does it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.batch import batch_of
from dolma_pipe.kernels.frequencies import common_keys, gram_keys, merge_into
from tests.slow import frequencies as slow

TEXTS = st.lists(st.text(st.sampled_from("ab \n"), max_size=40), max_size=5)
SUMMARIES = st.dictionaries(
    st.integers(1, 40), st.tuples(st.integers(1, 9), st.integers(0, 99)), max_size=20
).map(lambda rows: dict(sorted(rows.items())))


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 4))
def test_equal_keys_are_equal_ngrams(texts: list[str], size: int) -> None:
    words = batch_of(texts).words
    keys = np.empty(len(words.hashes), np.uint64)
    documents = np.empty(len(keys), np.int64)
    n = gram_keys(words.hashes, words.offsets, size, keys, documents)
    grams = [(d, gram) for d, text in enumerate(texts) for gram in slow.ngrams(text, size)]
    assert documents[:n].tolist() == [d for d, _ in grams]
    pairs = set(zip(keys[:n].tolist(), (gram for _, gram in grams), strict=True))
    assert len(pairs) == len({key for key, _ in pairs}) == len({gram for _, gram in pairs})
    assert 0 not in keys[:n]


def columns(rows: dict[int, tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    keys = np.array(list(rows), np.uint64)
    counts, places = np.array(list(rows.values()), np.uint64).reshape(-1, 2).T.copy()
    return keys, counts, places


@settings(max_examples=100, deadline=None)
@given(SUMMARIES, SUMMARIES)
def test_summaries_merge_like_dictionaries(
    first: dict[int, tuple[int, int]], second: dict[int, tuple[int, int]]
) -> None:
    out = np.empty((3, len(first) + len(second)), np.uint64)
    n = merge_into(*columns(first), *columns(second), out)
    expected = slow.merged(first, second)
    assert out[0, :n].tolist() == list(expected)
    assert list(zip(out[1, :n].tolist(), out[2, :n].tolist(), strict=True)) == list(
        expected.values()
    )


@settings(max_examples=100, deadline=None)
@given(SUMMARIES, SUMMARIES)
def test_keys_in_common_are_those_of_sets(
    first: dict[int, tuple[int, int]], second: dict[int, tuple[int, int]]
) -> None:
    mine, theirs = np.empty(len(first), np.int64), np.empty(len(first), np.int64)
    keys, others = columns(first)[0], columns(second)[0]
    n = common_keys(keys, others, mine, theirs)
    assert (
        keys[mine[:n]].tolist() == others[theirs[:n]].tolist() == sorted(set(first) & set(second))
    )
