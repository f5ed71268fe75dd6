"""n-grams are counted and summaries merged as the slow reference does it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.batch import batch_of
from dolma_pipe.kernels.frequencies import (
    SLACK,
    add_all,
    common_keys,
    gather,
    gram_keys,
    merge_into,
    part,
    spread,
)
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


CROWDED = st.builds(
    lambda high, low: (high << 60) + low, st.sampled_from([0, 1, 8, 15]), st.integers(1, 30)
)
"""Keys of few slots, so that some stand far behind their own."""


@settings(max_examples=200, deadline=None)
@given(
    st.lists(CROWDED, min_size=1, max_size=120), st.integers(0, 3), CROWDED, st.sampled_from([1, 5])
)
def test_a_table_holds_what_a_dictionary_would(
    stream: list[int], cut: int, limit: int, growth: int
) -> None:
    memory = np.zeros((growth * 120 + SLACK, 2), np.uint64)
    table, zero, every = memory[: 120 + SLACK], np.uint64(0), np.uint64((1 << 64) - 1)
    held: dict[int, list[int]] = {}

    def add(first: int) -> None:
        keys, ones = np.array(stream, np.uint64), np.ones(1, np.uint64)
        places = np.arange(first, first + len(keys), dtype=np.uint64)
        for place, key in enumerate(stream, first):
            held.setdefault(key, [0, place - 3])[0] += 1
        found = add_all(table, zero, used, 120, every, keys, ones, places, 3, 0)
        assert found == (len(keys), len(held))

    def rows() -> dict[int, list[int]]:
        return {key: [value & (2**32 - 1), value >> 32] for key, value in table[:used].tolist()}

    used = 0
    add(first=3)
    used = gather(table, zero, every)
    assert list(rows().items()) == sorted(held.items())
    assert not table[used:, 0].any()
    table = memory  # has grown
    assert spread(table, zero, used)
    assert np.count_nonzero(table[:, 0]) == used
    add(first=1000)
    used = gather(table, np.uint64(cut), np.uint64(limit))
    held = {k: [n - cut, at] for k, (n, at) in held.items() if k <= limit and n > cut}
    assert list(rows().items()) == sorted(held.items())
    counts, places = np.empty((2, used), np.uint32)
    part(table[:used], counts, places)
    found = zip(table.ravel()[:used].tolist(), counts.tolist(), places.tolist(), strict=True)
    assert [(key, [n, at]) for key, n, at in found] == sorted(held.items())


def test_a_table_without_a_free_row_at_its_end_is_full() -> None:
    table = np.zeros((4 + SLACK, 2), np.uint64)
    keys = np.arange(2**64 - SLACK - 1, 2**64 - 1, dtype=np.uint64)
    zero, every, one = np.uint64(0), np.uint64((1 << 64) - 1), np.ones(1, np.uint64)
    assert add_all(table, zero, 0, 2000, every, keys, one, keys, 0, 0) == (SLACK, SLACK)
    more = np.array([2**64 - 1], np.uint64)
    assert add_all(table, zero, SLACK, 2000, every, more, one, more, 0, 0) == (0, SLACK)
    assert gather(table, zero, every) == SLACK
    assert spread(table, zero, SLACK)
    table[:, 0] = 0
    table[: SLACK + 1, 0] = np.arange(2**64 - SLACK - 1, 2**64, dtype=np.uint64)
    assert not spread(table, zero, SLACK + 1)


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
