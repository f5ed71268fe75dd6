import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.blocklist import Hits, compile_blocklist, find_hits
from tests.slow import blocklist as slow
from tests.texts import packed, texts, texts_of


def hits_of(documents: list[str], entries: list[str], before: str = "") -> Hits:
    text, offsets = packed(documents, before)
    return find_hits(text, offsets, compile_blocklist(entries))


def found_in(text: str, entries: list[str]) -> list[str]:
    hits = hits_of([text], entries)
    return [text.encode()[a:b].decode() for a, b in zip(hits.starts, hits.ends, strict=True)]


WORDS = (
    "bad ",
    "Bad",
    "(worse)",
    "so ",
    "ÉTÉ ",
    "坏",
    "人",
    "!!",
    "İ",
    "a.b ",
    "a$$",
    "-",
    "so-bad",
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(texts_of(*WORDS) | texts, max_size=3),
    st.lists(texts_of(*WORDS, max_size=3) | texts, max_size=5),
    st.sampled_from(["", "bad "]),
)
def test_hits_equal_the_slow_reference(
    documents: list[str], entries: list[str], before: str
) -> None:
    hits = hits_of(documents, entries, before)
    expected = [slow.hits(d, entries) for d in documents]
    assert (hits.offsets[1:] - hits.offsets[:-1]).tolist() == [len(e) for e in expected]
    assert hits.hit_words.tolist() == [sum(length for _, length in e) for e in expected]
    assert hits.words.tolist() == [len(slow.tokens(d)) for d in documents]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("BAD, worse and bad!", ["BAD", "bad"]),
        ("badly", []),
        ("it is so bad, so “bad”", ["so bad", "so “bad"]),
        ("bad's not-bad/bad", ["bad", "bad", "bad"]),
        ("他是坏人。", ["坏人"]),
        ("坏的人，坏，人", []),
        ("🖕", ["🖕"]),
        ("S&M and s m, s & m", ["S&M"]),
        ("a $ a$$ b$ a$$!", ["a$$"]),
        ("@ss x@ss ss", ["@ss", "@ss"]),
        ("so\u2003bad", ["so\u2003bad"]),
    ],
)
def test_hits(text: str, found: list[str]) -> None:
    assert found_in(text, ["bad", "So bad", "坏人", "🖕", "", "s&m", "a$$", "@ss"]) == found


def test_the_longest_at_a_place_and_every_entry_once() -> None:
    hits = hits_of(["a b c a b a", "a", ""], ["a", "a b", "a b c", "A B C"])
    assert hits.offsets.tolist() == [0, 3, 4, 4]
    assert hits.hit_words.tolist() == [6, 1, 0]
    assert hits.distinct.tolist() == [3, 1, 0]


def test_signs_belong_to_one_hit() -> None:
    assert found_in("a$b", ["a$", "$b"]) == ["a$", "b"]


def test_a_list_of_nothing_finds_nothing() -> None:
    assert compile_blocklist(["", " "]).size == 0
    assert found_in("a", []) == []
