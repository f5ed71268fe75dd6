"""Quotas become copies: equal to the slow twin, and the sum within half a document."""

import io
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.jit import U16
from dolma_pipe.stages.keyed import copy_hashes
from dolma_pipe.stages.mix import order
from dolma_pipe.stages.mix.copies import buckets_of_codes, choose_copies
from dolma_pipe.stages.mix.order import Part, ordered, write_order
from dolma_pipe.stages.tokenize import document_hashes
from tests.slow import mixing as slow

ONCE = np.ones(100_000, np.uint16)

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
    tokens = np.array([d.tokens for d in documents], np.uint32)
    buckets = np.array([d.bucket for d in documents], np.int32)
    hashes = np.array([d.hash for d in documents], np.uint64)
    available = np.bincount(buckets, tokens, 4).astype(np.int64)
    quotas = (available * factors).astype(np.int64)

    found = choose_copies(
        tokens, buckets, quotas, hashes, most=[max(factors)] * 4, seed=seed, source="web"
    )
    most = int(np.ceil(max(factors)))
    expected = slow.copies(documents, quotas.tolist(), most, seed, "web")
    assert found.copies.tolist() == expected
    assert found.got.sum() == (tokens * found.copies).sum()
    assert abs(found.got.sum() - quotas.sum()) <= (int(tokens.max()) + 1) // 2

    places = slow.order(documents, expected, seed, "web")
    content = io.BytesIO()
    shards = [len(tokens) // 2, len(tokens) - len(tokens) // 2]
    parts = write_order(
        content, tokens, hashes, found.copies, shards, seed=seed, source="web", max_tokens=700
    )
    pairs = np.frombuffer(content.getvalue(), "<u4").reshape(-1, 2)
    assert [s * shards[0] + row for s, row in pairs.tolist()] == [i for _, _, i in places]
    files = slow.parts([documents[i].tokens for _, _, i in places], 700)
    assert [(p.documents, p.tokens) for p in parts] == [(len(f), sum(f)) for f in files]
    assert [p.start for p in parts] == [sum(map(len, files[:i])) for i in range(len(files))]


def test_slices_of_the_order_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 1 << 63, 3000).astype(np.uint64)
    copies = rng.integers(0, 5, 3000).astype(np.uint16)
    (whole,) = ordered(hashes, copies, 3, "web")
    monkeypatch.setattr(order, "SORTED_COPIES", 100)
    slices = list(ordered(hashes, copies, 3, "web"))
    assert len(slices) > 50
    assert np.array_equal(np.concatenate(slices), whole)


def test_the_order_is_a_fair_shuffle() -> None:
    """Chi-square: where a document stands says nothing of where it stood before."""
    cells = 20
    first = np.concatenate(
        list(ordered(document_hashes("web", map(str, range(100_000)), 100_000), ONCE, 1, "web"))
    )
    place = np.empty(100_000, np.int64)
    place[first] = np.arange(100_000)
    counts = np.bincount((np.arange(100_000) * cells // 100_000) * cells + place * cells // 100_000)
    expected = 100_000 / cells**2
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert scipy.stats.chi2.sf(statistic, (cells - 1) ** 2) > 1e-4
    assert scipy.stats.chi2.cdf(statistic, (cells - 1) ** 2) > 1e-4  # nor too even


def test_a_document_longer_than_a_file_gets_its_own() -> None:
    tokens = np.array([10, 500, 10, 10], np.uint32)
    hashes = np.arange(4, dtype=np.uint64)
    copies = np.array([1, 1, 1, 1], np.uint16)

    def parts(copies: U16) -> list[Part]:
        common: dict[str, Any] = {"seed": 1, "source": "web", "max_tokens": 20}
        return write_order(None, tokens, hashes, copies, [4], **common)

    assert sorted(part.tokens for part in parts(copies))[-1] == 500
    assert all(part.tokens <= 20 or part.documents == 1 for part in parts(copies))
    assert parts(copies * 0) == []


def test_equal_hashes_are_in_the_order_of_documents() -> None:
    hashes, copies = np.array([7, 7, 7], np.uint64), np.array([1, 1, 1], np.uint16)
    assert [d.tolist() for d in ordered(hashes, copies, 1, "web")] == [[0, 1, 2]]


def test_the_choice_does_not_depend_on_the_order_of_documents() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 100, 500).astype(np.uint32)
    hashes = rng.integers(0, 1 << 63, 500).astype(np.uint64)
    buckets = np.zeros(500, np.int32)
    quotas = np.array([int(1.3 * tokens.sum())], np.int64)
    mixed = rng.permutation(500)
    one = choose_copies(tokens, buckets, quotas, hashes, most=[2.0], seed=5, source="web")
    two = choose_copies(
        tokens[mixed], buckets, quotas, hashes[mixed], most=[2.0], seed=5, source="web"
    )
    assert np.array_equal(one.copies[mixed], two.copies)
    other = choose_copies(tokens, buckets, quotas, hashes, most=[2.0], seed=6, source="web")
    assert not np.array_equal(one.copies, other.copies)


def test_copies_of_a_document_lie_apart() -> None:
    hashes = np.arange(20_000, dtype=np.uint64)
    first = copy_hashes(hashes, 1, "web", 0) / 2.0**64
    second = copy_hashes(hashes, 1, "web", 1) / 2.0**64
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.03
    assert abs(float(np.mean(np.abs(first - second))) - 1 / 3) < 0.01


def test_buckets_are_twentieths_of_tokens_and_ties_stay_together() -> None:
    histogram = np.zeros(1 << 16, np.int64)
    histogram[100:300] = 5
    number = buckets_of_codes(histogram, 20)
    assert np.bincount(number[100:300]).tolist() == [10] * 20
    histogram[150] = 5000
    number = buckets_of_codes(histogram, 20)
    assert number[149] < number[150] < number[151]
    assert len(set(number[100:300].tolist())) == 5  # of 20, 16 lie inside the one code
    assert set(buckets_of_codes(np.zeros(1 << 16, np.int64), 20).tolist()) == {0}
