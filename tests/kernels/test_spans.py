from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.jit import I64
from dolma_pipe.kernels.spans import masked
from tests.slow import spans as slow
from tests.texts import packed

Pairs = list[tuple[int, int]]


class Spans(NamedTuple):
    offsets: I64
    starts: I64
    ends: I64


def spans_of(per_document: list[Pairs]) -> Spans:
    flat = np.array([pair for pairs in per_document for pair in pairs], np.int64).reshape(-1, 2)
    offsets = np.cumsum([0, *map(len, per_document)]).astype(np.int64)
    return Spans(offsets, flat[:, 0].copy(), flat[:, 1].copy())


def masked_texts(
    documents: list[str], columns: list[tuple[list[Pairs], bytes]], before: str = ""
) -> tuple[list[bytes], list[bool]]:
    text, offsets = packed(documents, before)
    masks = [(spans_of(pairs), new) for pairs, new in columns]
    new_text, new_offsets, changed = masked(text, offsets, masks)
    assert new_offsets[0] == 0
    raw = new_text.tobytes()
    ends = new_offsets[1:]
    return [raw[a:b] for a, b in zip(new_offsets, ends, strict=False)], changed.tolist()


@st.composite
def masks(draw: st.DrawFn) -> tuple[list[str], list[tuple[list[Pairs], bytes]]]:
    documents = draw(st.lists(st.text("abcdef", max_size=20), max_size=4))
    columns = []
    for new in draw(st.lists(st.sampled_from([b"", b"X", b"|||Y|||"]), max_size=3)):
        per_document = []
        for document in documents:
            borders = draw(st.lists(st.integers(0, len(document)), max_size=6))
            borders = sorted(borders[: len(borders) // 2 * 2])
            per_document.append(list(zip(borders[::2], borders[1::2], strict=True)))
        columns.append((per_document, new))
    return documents, columns


@settings(max_examples=150, deadline=None)
@given(masks(), st.sampled_from(["", "before"]))
def test_masks_equal_the_slow_reference(
    case: tuple[list[str], list[tuple[list[Pairs], bytes]]], before: str
) -> None:
    documents, columns = case
    found, changed = masked_texts(documents, columns, before)
    for d, document in enumerate(documents):
        spans = [pairs[d] for pairs, _ in columns]
        assert found[d] == slow.masked(document.encode(), spans, [new for _, new in columns])
        assert changed[d] == bool(slow.merged(spans))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([(1, 3)], [(3, 5)], b"aABfgh"),
        ([(1, 4)], [(3, 5)], b"aAfgh"),
        ([(3, 5)], [(1, 4)], b"aBfgh"),
        ([(1, 3)], [(1, 5)], b"aBfgh"),
        ([(1, 5)], [(1, 5)], b"aAfgh"),
        ([(0, 8)], [(2, 3), (5, 6)], b"A"),
        ([(0, 2), (7, 8)], [], b"AcdefgA"),
        ([(3, 3)], [], b"abcdefgh"),
    ],
)
def test_which_replacement_is_written(first: Pairs, second: Pairs, expected: bytes) -> None:
    assert masked_texts(["abcdefgh"], [([first], b"A"), ([second], b"B")])[0] == [expected]


def test_no_columns_change_nothing() -> None:
    assert masked_texts(["ab", "", "c"], []) == ([b"ab", b"", b"c"], [False] * 3)
