"""Units of text, their hashes and what is cut, against strings and sets."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.cuts import cuts_of
from dolma_pipe.kernels.lines import Units, cut_units, find_units, hash_units
from tests.slow import lines as slow
from tests.texts import packed, texts, texts_of

pages = st.lists(
    st.one_of(texts, texts_of("one", "Two,", "\n\n", "\r\n", "\n \n", "}", "你好", "  ")),
    max_size=6,
)


def found(
    documents: list[str], unit: str, normalise: str = "whitespace", words: int = 0, size: int = 0
) -> Units:
    text, offsets = packed(documents, before="é")
    units = find_units(text, offsets, paragraphs=unit == "paragraph")
    folded = normalise == "words"
    hash_units(text, offsets, units, folded=folded, min_words=words, min_bytes=size)
    return units


@given(pages, st.sampled_from(["line", "paragraph"]))
def test_units_are_lines_or_blocks_between_blank_ones(documents: list[str], unit: str) -> None:
    units = found(documents, unit)
    for text, (a, b) in zip(documents, pairwise(units.offsets.tolist()), strict=True):
        lines, data = text.split("\n"), text.encode()
        expected = list(slow.units(lines, unit))
        assert b - a == len(expected)
        for k, numbers in zip(range(a, b), expected, strict=True):
            wanted = "\n".join(lines[i] for i in numbers)
            start, end, after = units.starts[k], units.ends[k], units.nexts[k]
            rest = data[end:after]
            assert rest in (b"", b"\n", b"\r\n")
            assert data[start:end] == wanted.encode()[: end - start]
            assert wanted.encode()[end - start :] in (b"", b"\r")
            assert data[:start].count(b"\n") == numbers[0]
            assert after == len(data) or data[after - 1 : after] == b"\n"


@given(
    pages,
    st.sampled_from(["line", "paragraph"]),
    st.sampled_from(["whitespace", "words"]),
    st.integers(0, 3),
    st.sampled_from([0, 4]),
)
def test_hashes_are_equal_where_normalised_units_are(
    documents: list[str], unit: str, normalise: str, words: int, size: int
) -> None:
    units = found(documents, unit, normalise, words, size)
    keys = [
        slow.key("\n".join(lines[i] for i in one), normalise, words, size)
        for lines in (text.split("\n") for text in documents)
        for one in slow.units(lines, unit)
    ]
    assert [h == 0 for h in units.hashes.tolist()] == [key is None for key in keys]
    assert len(set(units.hashes.tolist())) == len(set(keys))
    assert len(set(zip(units.hashes.tolist(), keys, strict=True))) == len(set(keys))


def left(text: str, repeated: list[bool], unit: str = "line") -> str:
    units = found([text], unit)
    rows, starts, ends = cut_units(units, np.array(repeated, np.bool_))
    content, offsets = packed([text])
    return cuts_of(rows, starts, ends, 1).apply(content, offsets)[0].tobytes().decode()


@given(st.data(), pages, st.sampled_from(["line", "paragraph"]))
def test_what_is_left(data: st.DataObject, documents: list[str], unit: str) -> None:
    units = found(documents, unit)
    count = len(units.hashes)
    repeated = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    rows, starts, ends = cut_units(units, np.array(repeated, np.bool_))
    content, offsets = packed(documents)
    text, borders = cuts_of(rows, starts, ends, len(documents)).apply(content, offsets)
    view = text.tobytes()
    for d, (a, b) in enumerate(pairwise(units.offsets.tolist())):
        mine = view[borders[d] : borders[d + 1]].decode()
        expected = slow.left(documents[d], repeated[a:b], unit)
        assert mine == expected or not (mine + expected).strip()


@pytest.mark.parametrize(
    ("text", "gone", "expected"),
    [
        ("a\nb\nc\n", [1], "a\nc\n"),
        ("a\nb\nc", [2], "a\nb"),
        ("a\r\nb\r\n", [1], "a\r\n"),
        ("a\r\nb", [1], "a"),
        ("a\n\nb\n\nc", [1], "a\n\nc"),
        ("a\nb\n\nc", [1], "a\n\nc"),
        ("a\n\nb\nc", [1], "a\n\nc"),
        ("a\n\nb\n\nc\n\nd", [1, 2], "a\n\nd"),
        ("a\n\nb\n\nc\n", [1, 2], "a\n"),
        ("a\n\nb", [0], "b"),
        ("\n\na\n\nb", [0], "\n\nb"),
        ("a\nb\n\n\n", [1], "a\n\n\n"),
    ],
)
def test_no_blank_lines_are_left_behind(text: str, gone: list[int], expected: str) -> None:
    count = len([line for line in text.split("\n") if line.strip()])
    assert left(text, [i in gone for i in range(count)]) == expected


def test_a_unit_of_16_mb_and_millions_of_units() -> None:
    huge = found(["x" * (16 << 20)], "line")
    assert huge.ends.tolist() == [16 << 20]
    many = found(["a\n" * (1 << 20)], "paragraph", words=1)
    assert many.nexts.tolist() == [2 << 20]
    assert len(found(["a\n" * (1 << 20)], "line").hashes) == 1 << 20
