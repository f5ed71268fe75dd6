"""Cuts against cutting characters out of lists, one text after the other."""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.cuts import Cuts, cuts_of, no_cuts, read_cuts, without, write_cuts

Stretches = list[tuple[int, int]]
TEXT = "abcdefghijklmnopqrst"
stretches = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair)))
)
documents = st.lists(st.tuples(stretches, stretches), max_size=5)


def cuts(listed: list[Stretches]) -> Cuts:
    flat = [(row, a, b) for row, some in enumerate(listed) for a, b in some]
    rows, starts, ends = (np.array([one[i] for one in flat], np.int64) for i in range(3))
    return cuts_of(rows, starts, ends, len(listed))


def left(text: str, some: Stretches) -> str:
    return "".join(c for i, c in enumerate(text) if not any(a <= i < b for a, b in some))


def applied(found: Cuts, texts: list[str]) -> list[str]:
    text = np.frombuffer("".join(texts).encode(), np.uint8)
    offsets = np.cumsum([0, *map(len, texts)])
    text, offsets = found.apply(text, offsets)
    return [bytes(text[a:b]).decode() for a, b in pairwise(offsets)]


@given(documents)
def test_a_cut_takes_out_what_it_names(listed: list[tuple[Stretches, Stretches]]) -> None:
    found = cuts([first for first, _ in listed])
    expected = [left(TEXT, first) for first, _ in listed]
    assert applied(found, [TEXT] * len(listed)) == expected
    assert found.lengths().tolist() == [20 - len(text) for text in expected]


@given(documents)
def test_cuts_found_in_what_others_left(listed: list[tuple[Stretches, Stretches]]) -> None:
    first = cuts([one for one, _ in listed])
    between = applied(first, [TEXT] * len(listed))
    inside = [
        [(a, min(b, len(text))) for a, b in later if a < len(text)]
        for (_, later), text in zip(listed, between, strict=True)
    ]
    both = first.then(cuts(inside))
    expected = [left(text, some) for text, some in zip(between, inside, strict=True)]
    assert applied(both, [TEXT] * len(listed)) == expected
    assert all(
        both.ends[i] < both.starts[i + 1]
        for a, b in pairwise(both.offsets)
        for i in range(a, b - 1)
    )


def test_some_documents_and_none(tmp_path: Path) -> None:
    found = cuts([[(1, 3)], [], [(0, 2), (5, 6)]])
    assert applied(found.of(np.array([2, 0])), ["abcdefg", "abcd"]) == ["cdeg", "ad"]
    spared = without(found, np.array([True, False, False]))
    assert spared.lengths().tolist() == [0, 0, 3]
    write_cuts(tmp_path / "x.i64", found)
    for kept, read in zip(found, read_cuts(tmp_path / "x.i64", 3), strict=True):
        assert np.array_equal(kept, read)
    write_cuts(tmp_path / "y.i64", no_cuts(2))
    assert read_cuts(tmp_path / "y.i64", 2).lengths().tolist() == [0, 0]


def test_one_document_costs_the_same_in_a_large_shard() -> None:
    """An export takes the cuts of each document by itself."""
    found = no_cuts(1_000_000)
    tracemalloc.start()
    found.of(np.array([500_000]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
