import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.words import split_lines, split_words
from tests.slow import words as slow
from tests.texts import packed, texts


def words_of(documents: list[str], before: str = "") -> list[list[str]]:
    text, offsets = packed(documents, before)
    words = split_words(text, offsets)
    raw = text.tobytes()
    found = [raw[s:e].decode() for s, e in zip(words.starts, words.ends, strict=True)]
    return [found[a:b] for a, b in zip(words.offsets, words.offsets[1:], strict=False)]


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, max_size=4), st.sampled_from(["", "not mine, 你"]))
def test_words_equal_the_slow_reference(documents: list[str], before: str) -> None:
    assert words_of(documents, before) == [slow.words(d) for d in documents]


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, max_size=4), st.sampled_from(["", "not mine\n"]))
def test_lines_equal_the_slow_reference(documents: list[str], before: str) -> None:
    text, offsets = packed(documents, before)
    lines = split_lines(text, offsets)
    raw = text.tobytes()
    found = [raw[s:e].decode() for s, e in zip(lines.starts, lines.ends, strict=True)]
    per_document = [found[a:b] for a, b in zip(lines.offsets, lines.offsets[1:], strict=False)]
    assert per_document == [slow.lines(d) for d in documents]


@settings(max_examples=60, deadline=None)
@given(texts, texts)
def test_equal_words_have_equal_hashes_and_others_do_not(one: str, other: str) -> None:
    text, offsets = packed([one, other])
    hashes = split_words(text, offsets).hashes.tolist()
    words = slow.words(one) + slow.words(other)
    by_word = dict(zip(words, hashes, strict=True))
    assert [by_word[w] for w in words] == hashes
    assert len(set(hashes)) == len(set(words))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \u2028\x85\n", []),
        ("The cat’s mat.", ["The", "cat’s", "mat."]),
        ("a\u2028b\x85c\u3000d", ["a", "b", "c", "d"]),
        ("你好，世界", ["你", "好", "，", "世", "界"]),
        ("IBM社のPC", ["IBM", "社", "の", "PC"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 문서", ["한국어", "문서"]),
        ("cafe\u0301 \u0301x", ["cafe\u0301", "\u0301x"]),
        ("が".replace("が", "か\u3099") + "x", ["か\u3099", "x"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of([text]) == [words]


def test_hash_bits_are_well_mixed() -> None:
    text, offsets = packed([" ".join(f"w{i}" for i in range(20_000))])
    hashes = split_words(text, offsets).hashes
    share = [(hashes >> np.uint64(b) & np.uint64(1)).mean() for b in range(64)]
    assert 0.48 < min(share) <= max(share) < 0.52
