"""Sections: they cover the document, keep to their sizes, and are those of the slow twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.structure import (
    Section,
    find_headings,
    find_structure,
    sections_between,
    sections_of,
    split_sections,
)
from dolma_pipe.kernels.structure_sections import count_references
from dolma_pipe.kernels.words import split_lines
from tests.slow import structure_sections as slow
from tests.texts import packed, texts, texts_of

documents = st.lists(
    st.one_of(
        texts,
        texts_of(
            "# A\n", "## B\n", "\n\n", "\n \n", "word ", "é好😀", "\n", "# References\n", "x" * 30
        ),
    ),
    max_size=4,
)
sizes = st.tuples(st.integers(4, 60), st.integers(0, 30)).filter(lambda s: 2 * s[1] <= s[0])


def headings_of(text: bytes) -> list[slow.Heading]:
    found = find_headings(np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    return list(zip(found.starts.tolist(), found.levels.tolist(), strict=True))


@settings(max_examples=300, deadline=None)
@given(documents, sizes)
def test_sections_of_a_size_equal_the_slow_reference(
    documents: list[str], sizes: tuple[int, int]
) -> None:
    found = split_sections(*packed(documents, "# x"), *sizes)
    for d, document in enumerate(documents):
        text, here = document.encode(), slice(found.offsets[d], found.offsets[d + 1])
        rows = [column[here].tolist() for column in found[1:]]
        assert list(zip(*rows, strict=True)) == slow.sized(text, headings_of(text), *sizes)


@settings(max_examples=300, deadline=None)
@given(documents, sizes)
def test_sections_cover_the_document_and_keep_to_their_size(
    documents: list[str], sizes: tuple[int, int]
) -> None:
    max_bytes, min_bytes = sizes
    found = split_sections(*packed(documents), max_bytes, min_bytes)
    for d, document in enumerate(documents):
        text, at = document.encode(), 0
        for s in range(found.offsets[d], found.offsets[d + 1]):
            start, end = found.starts[s], found.ends[s]
            assert start == at < end
            assert end - start <= max_bytes
            assert end - start > min_bytes - 4 or (start == 0 and end == len(text))
            text[start:end].decode()
            at = end
        assert at == len(text)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 3))
def test_sections_as_they_stand_equal_the_slow_reference(
    documents: list[str], max_level: int
) -> None:
    text, offsets = packed(documents, "# x")
    found, _ = sections_between(text, offsets, find_headings(text, offsets), max_level)
    for d, document in enumerate(documents):
        data, here = document.encode(), slice(found.offsets[d], found.offsets[d + 1])
        rows = [column[here].tolist() for column in found[1:]]
        expected = slow.sections(data, headings_of(data), max_level)
        assert list(zip(*rows, strict=True)) == expected


@settings(max_examples=200, deadline=None)
@given(documents)
def test_references_equal_the_slow_reference(documents: list[str]) -> None:
    text, offsets = packed(documents)
    found = find_structure(text, offsets, split_lines(text, offsets))
    headings = found.stretches["heading"]
    counted = np.zeros(len(documents), np.int64)
    count_references(
        offsets, headings.offsets, headings.starts, headings.values, found.references, counted
    )
    for d, document in enumerate(documents):
        here = slice(headings.offsets[d], headings.offsets[d + 1])
        columns = (headings.starts, headings.values, found.references)
        rows = list(zip(*(column[here].tolist() for column in columns), strict=True))
        assert counted[d] == slow.references(len(document.encode()), rows)


def test_sections_of_one_document() -> None:
    assert sections_of(b"a\n\n# B\nc\n") == [Section(0, 3, 0, 0, 0), Section(3, 9, 1, 3, 6)]
    assert sections_of(b"\n# B\nc\n") == [Section(0, 7, 1, 1, 4)]
    assert sections_of(b"a") == [Section(0, 1, 0, 0, 0)]
    assert sections_of(b"") == []


def test_a_long_section_is_cut_behind_a_paragraph_a_line_or_a_word() -> None:
    def parts(text: str, max_bytes: int) -> list[str]:
        data = text.encode()
        found = split_sections(*packed([text]), max_bytes, 0)
        return [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]

    assert parts("aaaa aa\naa\n\nbbbb\nbb", 14) == ["aaaa aa\naa\n\n", "bbbb\nbb"]
    assert parts("aaaa aa\naaaa bbbb\nbb", 14) == ["aaaa aa\n", "aaaa bbbb\nbb"]
    assert parts("aaaa aaaa bbbb", 10) == ["aaaa aaaa ", "bbbb"]
    assert parts("好好好好", 7) == ["好好", "好好"]


@pytest.mark.parametrize(("max_bytes", "min_bytes"), [(3, 0), (10, 6), (10, -1)])
def test_sizes_that_cannot_be_kept_are_an_error(max_bytes: int, min_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"sections of {min_bytes} to {max_bytes} bytes"):
        split_sections(*packed(["a"]), max_bytes, min_bytes)
