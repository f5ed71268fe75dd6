"""Quotas become copies: equal to the slow twin, and the sum within half a document."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.stages.copies import (
    CODES,
    buckets_of_codes,
    choose_copies,
    copy_hashes,
    cut_parts,
)
from tests.slow import mixing as slow

documents_of = st.lists(
    st.builds(
        slow.Document,
        tokens=st.integers(1, 300),
        bucket=st.integers(0, 3),
        hash=st.integers(0, (1 << 64) - 1),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(documents_of, st.lists(st.floats(0, 4), min_size=4, max_size=4), st.integers(0, 99))
def test_equal_to_the_slow_twin(
    documents: list[slow.Document], factors: list[float], seed: int
) -> None:
    tokens = np.array([d.tokens for d in documents], np.int64)
    buckets = np.array([d.bucket for d in documents], np.int64)
    hashes = np.array([d.hash for d in documents], np.uint64)
    available = np.bincount(buckets, tokens, 4).astype(np.int64)
    quotas = (available * factors).astype(np.int64)

    found = choose_copies(
        tokens, buckets, quotas, hashes, most=max(factors), seed=seed, source="web"
    )
    most = int(np.ceil(max(factors)))
    expected = slow.copies(documents, quotas.tolist(), most, seed, "web")
    assert found.copies.tolist() == expected
    assert found.got.sum() == (tokens * found.copies).sum()
    assert abs(found.got.sum() - quotas.sum()) <= (tokens.max() + 1) // 2

    parts = cut_parts(tokens, found.copies, hashes, seed=seed, source="web", max_tokens=700)
    places = slow.order(documents, expected, seed, "web")
    sizes = [documents[i].tokens for _, _, i in places]
    files = slow.parts([place for place, _, _ in places], sizes, 700)
    assert [(p.documents, p.tokens) for p in parts] == [(len(f), sum(f)) for f in files]


def test_a_document_longer_than_a_file_gets_its_own() -> None:
    tokens = np.array([10, 500, 10, 10], np.int64)
    hashes = np.arange(4, dtype=np.uint64)
    copies = np.array([1, 1, 1, 1], np.uint16)
    parts = cut_parts(tokens, copies, hashes, seed=1, source="web", max_tokens=20)
    assert sorted(part.tokens for part in parts)[-1] == 500
    assert all(part.tokens <= 20 or part.documents == 1 for part in parts)
    assert cut_parts(tokens, copies * 0, hashes, seed=1, source="web", max_tokens=20) == []


def test_equal_hashes_stay_in_one_file() -> None:
    tokens = np.array([10, 10, 10], np.int64)
    hashes = np.array([7, 7, 7], np.uint64)
    copies = np.array([1, 1, 1], np.uint16)
    (part,) = cut_parts(tokens, copies, hashes, seed=1, source="web", max_tokens=10)
    assert (part.documents, part.tokens) == (3, 30)


def test_the_choice_does_not_depend_on_the_order_of_documents() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 100, 500)
    hashes = rng.integers(0, 1 << 63, 500).astype(np.uint64)
    buckets = np.zeros(500, np.int64)
    quotas = np.array([int(1.3 * tokens.sum())], np.int64)
    mixed = rng.permutation(500)
    one = choose_copies(tokens, buckets, quotas, hashes, most=2.0, seed=5, source="web")
    two = choose_copies(
        tokens[mixed], buckets, quotas, hashes[mixed], most=2.0, seed=5, source="web"
    )
    assert np.array_equal(one.copies[mixed], two.copies)
    other = choose_copies(tokens, buckets, quotas, hashes, most=2.0, seed=6, source="web")
    assert not np.array_equal(one.copies, other.copies)


def test_copies_of_a_document_lie_apart() -> None:
    hashes = np.arange(20_000, dtype=np.uint64)
    first = copy_hashes(hashes, 1, "web", 0) / 2.0**64
    second = copy_hashes(hashes, 1, "web", 1) / 2.0**64
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.03
    assert abs(float(np.mean(np.abs(first - second))) - 1 / 3) < 0.01


def test_buckets_are_twentieths_of_tokens_and_ties_stay_together() -> None:
    histogram = np.zeros(CODES, np.int64)
    histogram[100:300] = 5
    number = buckets_of_codes(histogram)
    assert np.bincount(number[100:300]).tolist() == [10] * 20
    histogram[150] = 5000
    number = buckets_of_codes(histogram)
    assert number[149] < number[150] < number[151]
    assert len(set(number[100:300].tolist())) == 5  # of 20, 16 lie inside the one code
    assert set(buckets_of_codes(np.zeros(CODES, np.int64)).tolist()) == {0}
