"""Windows of words, and pairs by cosine, against the obvious."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.kernels.jit import I16
from dolma_pipe.kernels.vectors import unit_vectors
from dolma_pipe.kernels.windows import pairs_above, windows_of
from tests.slow.contamination import split
from tests.texts import packed, texts


def borders(count: int, size: int) -> list[tuple[int, int]]:
    """First word and the one behind the last."""
    if count <= size:
        return [(0, count)]
    step = (size + 1) // 2
    starts = [*range(0, count - size, step), count - size]
    return [(start, start + size) for start in starts]


@given(st.lists(texts, max_size=3), st.integers(1, 6), st.integers(1, 3))
def test_windows_cover_the_words(documents: list[str], size: int, least: int) -> None:
    text, offsets = packed(documents, before="é")
    windows, content, places = windows_of(text, offsets, size, least)
    found = [
        (int(window[0]), split(content[a:b].tobytes().decode()))
        for window, a, b in zip(windows, places, places[1:], strict=False)
    ]
    expected = [
        (d, split(document)[a:b])
        for d, document in enumerate(documents)
        if len(split(document)) >= least
        for a, b in borders(len(split(document)), size)
    ]
    assert found == expected
    for (d, start, end), a, b in zip(windows.tolist(), places, places[1:], strict=False):
        assert documents[d].encode()[start:end] == content[a:b].tobytes()


def vectors(seed: int, count: int) -> I16:
    chance = np.random.default_rng(seed)
    found = chance.standard_normal((count, 8)) + chance.integers(0, 2, (count, 1))
    found[count // 2] = 0
    return unit_vectors(found)


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.5, 0.9]))
def test_pairs_are_those_of_the_cosine(seed: int, threshold: float) -> None:
    some, items = vectors(seed, 40), vectors(seed + 1, 9)
    pairs, cosines = pairs_above(some, items, threshold)
    expected = {}
    for i, one in enumerate(some.astype(float)):
        for j, other in enumerate(items.astype(float)):
            if one.any() and other.any():
                cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
                if round(float(cosine), 6) >= threshold:
                    expected[i, j] = cosine
    assert [tuple(pair) for pair in pairs.tolist()] == list(expected)
    np.testing.assert_allclose(cosines, list(expected.values()), atol=1e-6)
