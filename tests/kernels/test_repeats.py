"""Repeats, joining and borders against the obvious."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.kernels import repeats
from dolma_pipe.kernels.jit import I64
from dolma_pipe.kernels.repeats import Snippets, find_repeats
from dolma_pipe.kernels.sentences import split_sentences
from dolma_pipe.kernels.stretches import join_stretches, move_inwards
from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import substring as slow
from tests.texts import packed, texts_of

WIDTH = 6
pieces = st.sampled_from(["aaaaaaa", "abcabcabc", "once upon a", "time", "b", "\x00\xff"])
document = st.one_of(
    st.text("ab", max_size=40).map(str.encode),
    st.lists(pieces, max_size=8).map(lambda some: "".join(some).encode("latin-1")),
)


def whole(documents: list[bytes]) -> Snippets:
    """Every document as one snippet, all of one hash."""
    long = [d for d, text in enumerate(documents) if len(text) >= WIDTH]
    content = b"".join(documents[d] for d in long)
    sizes = np.array([len(documents[d]) for d in long], np.int64)
    return Snippets(
        np.zeros(len(long), np.uint64),
        np.array(long, np.uint64),
        np.zeros(len(long), np.int64),
        sizes - WIDTH + 1,
        np.cumsum(sizes) - sizes,
        np.frombuffer(content, np.uint8),
    )


def spans(documents: list[bytes]) -> list[slow.Spans]:
    snippets = whole(documents)
    found = find_repeats(snippets, WIDTH)
    listed: list[slow.Spans] = [[] for _ in documents]
    for snippet, start, end in zip(*(c.tolist() for c in found[:3]), strict=True):
        listed[int(snippets.documents[snippet])].append((start, end))
    return listed


@given(st.lists(document, max_size=6))
def test_windows_that_stand_earlier_are_repeats(documents: list[bytes]) -> None:
    found = spans(documents)
    windows = [[i for a, b in some for i in range(a, b - WIDTH + 1)] for some in found]
    assert windows == slow.repeat_windows(documents, WIDTH)


@given(st.lists(st.text("ab", max_size=50).map(str.encode), min_size=1, max_size=5))
def test_the_two_references_agree(documents: list[bytes]) -> None:
    if any(documents):
        expected = slow.repeat_windows(documents, WIDTH)
        assert slow.repeat_windows_by_suffix_array(documents, WIDTH) == expected


def test_many_windows_in_one_group() -> None:
    """The table grows; every other document is a copy."""
    chance = np.random.default_rng(3)
    texts = [chance.bytes(2000) for _ in range(20)]
    assert spans([*texts, *texts]) == [[]] * 20 + [[(0, 2000)]] * 20


def test_windows_of_one_hash_and_other_bytes_are_refused() -> None:
    """The first 2**11 bytes of the Thue-Morse sequence and their complement have the same
    polynomial modulo 2**64, whatever its base."""
    thue = np.array([i.bit_count() & 1 for i in range(1 << 11)], np.uint8)
    both = np.concatenate([thue, 1 - thue])
    ones = np.ones(2, np.int64)
    snippets = Snippets(
        np.zeros(2, np.uint64),
        np.arange(2, dtype=np.uint64),
        0 * ones,
        ones,
        np.array([0, 1 << 11]),
        both,
    )
    found = find_repeats(snippets, 1 << 11)
    assert (len(found.snippets), found.refused) == (0, 1)
    same = snippets._replace(content=np.concatenate([thue, thue]))
    assert find_repeats(same, 1 << 11).ends.tolist() == [1 << 11]


def test_work_is_linear_where_all_is_the_same() -> None:
    """Windows of periodic text, and of copies that differ at one end, cost a byte each."""
    assert repeats.MOST_WINDOWS >= 1 << 20
    text = np.full(400_000, 97, np.uint8)
    snippets = Snippets(
        np.zeros(2, np.uint64),
        np.zeros(2, np.uint64),
        np.array([0, 200_000]),
        np.array([150_000, 150_000]),
        np.array([0, 200_000]),
        text,
    )
    found = find_repeats(snippets, 50_001)  # 10**10 bytes if each window were compared in full
    assert found.starts.tolist() == [50_001, 200_000]
    assert found.ends.tolist() == [200_000, 400_000]


stretches = st.lists(st.integers(1, 30), max_size=20).map(lambda steps: np.cumsum(steps).tolist())


@given(st.lists(stretches, max_size=4), st.sampled_from([0.1, 0.5, 0.8, 1.0]))
def test_joining_is_greedy_from_the_left(borders: list[list[int]], share: float) -> None:
    listed = [list(zip(some[::2], some[1::2], strict=False)) for some in borders]
    flat = np.array([span for some in listed for span in some], np.int64).reshape(-1, 2)
    offsets = np.cumsum([0, *map(len, listed)])
    found = join_stretches(offsets, flat[:, 0].copy(), flat[:, 1].copy(), share)
    assert unpacked(*found) == [slow.joined(some, share) for some in listed]


def unpacked(offsets: I64, starts: I64, ends: I64) -> list[slow.Spans]:
    both = list(zip(starts.tolist(), ends.tolist(), strict=True))
    return [both[a:b] for a, b in pairwise(offsets.tolist())]


lines = texts_of("One. ", "two!\n", "好的。", "é", "\r\n", "word ")


@given(st.lists(st.tuples(lines, st.integers(0, 99), st.integers(0, 99)), max_size=4))
def test_stretches_move_to_the_nearest_border_inside(listed: list[tuple[str, int, int]]) -> None:
    text, offsets = packed([text for text, _, _ in listed])
    spans = []
    for document, a, b in listed:
        size = len(document.encode())
        a, b = sorted((a * size // 100, b * size // 100))
        spans.append((a, b))
    ends = np.array(spans, np.int64).reshape(-1, 2)
    firsts = np.arange(len(listed) + 1)
    split = split_lines(text, offsets)
    sentences = split_sentences(text, split_words(text, offsets), split)
    for within in (0, 5, 50):
        found = move_inwards(
            text,
            offsets,
            firsts,
            ends[:, 0].copy(),
            ends[:, 1].copy(),
            split.starts,
            sentences.starts,
            within,
        )
        for d, (document, _, _) in enumerate(listed):
            inside = [
                (some.starts[some.offsets[d] : some.offsets[d + 1]] - offsets[d]).tolist()
                for some in (split, sentences)
            ]
            expected = slow.moved(document.encode(), spans[d], within, inside)
            a, b = int(found[0][d]), int(found[1][d])
            assert ([(a, b)] if a < b else []) == expected
