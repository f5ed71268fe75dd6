"""Differences of two texts: nothing is lost, nothing is slow, nothing harms a terminal."""

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.report.difference import (
    COMPARED,
    INDENT,
    changed,
    differences,
    joined,
    marked,
    words_of,
)
from dolma_pipe.report.layout import beside, display_width, shortened, table

TEXTS = st.text(st.sampled_from("ab \n天好e\u0301"), max_size=60)


@given(TEXTS, TEXTS)
@settings(max_examples=200, deadline=None)
def test_both_texts_can_be_read_from_the_pieces(one: str, other: str) -> None:
    a, b = words_of(one), words_of(other)
    pieces = differences(a, b)
    assert [w.text for p in pieces if p.kind in ("same", "gone") for w in p.words] == [
        w.text for w in a
    ]
    assert [w for p in pieces if p.kind in ("same", "gone") for w in p.within(first=True)] == a
    assert [w for p in pieces if p.kind in ("same", "new") for w in p.within(first=False)] == b


def test_lines_end_where_they_end_in_each_text() -> None:
    one, other = "a b\n\n\n\n  c d\r\ne\ff", "a\nb c \n\t x\re f"
    pieces = differences(words_of(one), words_of(other))
    sides = [
        "".join(joined(p.within(first=kind == "gone")) for p in pieces if p.kind in ("same", kind))
        for kind in ("gone", "new")
    ]
    assert sides == [" a b\n\n  c d\ne f", " a\nb c\n\t x\ne f"]
    assert words_of("a\n" + " " * 10_000 + "b")[1].gap == "\n" + " " * INDENT


def test_words_are_code_points_where_there_are_no_spaces() -> None:
    assert [(w.text, w.glued) for w in words_of("今天 hi好")] == [
        ("今", False),
        ("天", True),
        ("hi", False),
        ("好", True),
    ]


def shown(one: str, other: str, width: int = 78, colour: bool = False) -> list[str]:
    return marked(differences(words_of(one), words_of(other)), width, colour=colour)


def test_differences_are_marked_and_equal_stretches_are_short() -> None:
    words = [f"w{i}" for i in range(100)]
    other = [*words[:50], "new", "words", *words[51:90], *words[91:]]
    told = " ".join(shown(" ".join(words), " ".join(other)))
    assert told == (
        "[42 words] w42 w43 w44 w45 w46 w47 w48 w49 [-w50-] {+new words+} w51 w52 w53 w54 w55 w56 "
        "w57 w58 [23 words] w82 w83 w84 w85 w86 w87 w88 w89 [-w90-] w91 w92 w93 w94 w95 w96 w97 "
        "w98 w99"
    )
    assert changed(differences(words_of("a b c"), words_of("a x y c"))) == (1, 2)
    assert shown("今天天气好", "今天气很好") == ["今天[-天-]气{+很+}好"]


def test_what_is_left_out_of_a_difference_stands_within_its_marks() -> None:
    words = [f"w{i}" for i in range(1300)]
    for one, other, opening, closing in ((words, [], "[-", "-]"), ([], words, "{+", "+}")):
        told = " ".join(shown(" ".join(["a", *one, "z"]), " ".join(["a", *other, "z"])))
        assert told.startswith(f"a {opening}w0 w1 ")
        assert " w24 ... 950 words ... w975 " in told  # of the first 1,000
        assert f" w999{closing} [" in told
        assert " words] w" not in told
        assert told.count(opening) == told.count(closing) == 1


def test_colours_are_the_same_text_and_end_with_the_line() -> None:
    one = " ".join(f"w{i}" for i in range(80))
    other = " ".join(f"w{i}" if i % 3 else f"other{i}" for i in range(80))
    plain, coloured = shown(one, other, 40), shown(one, other, 40, colour=True)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain
    assert "\x1b" not in "".join(plain)
    for line in coloured[:-1]:
        codes = re.findall(r"\x1b\[\d*m", line)
        assert not codes or codes[-1] == "\x1b[0m"


@pytest.mark.parametrize("width", [30, 80, 140])
def test_lines_keep_to_the_width_whatever_the_text(width: int) -> None:
    one = "\x1b[2J\x1b]0;x\x07 天气" * 30 + " " + "x" * 5000 + " \u202e a\rb " + "好" * 500
    other = one.replace("天", "day \x9b31m ")
    lines = shown(one, other, width)
    assert all(display_width(line) <= width + 60 for line in lines)  # one word may be longer
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join(lines))


def test_hostile_texts_take_no_time() -> None:
    """A quadratic comparison of 50,000 words would take an hour; ten seconds are generous."""
    chance = random.Random(1)
    one = " ".join(chance.choice("ab") for _ in range(50_000))
    other = " ".join(chance.choice("ab") for _ in range(50_000))
    started = time.perf_counter()
    lines = shown(one, other)
    shown("a " * 50_000, "b " * 40_000)
    assert time.perf_counter() - started < 10
    assert len(lines) <= 13
    pieces = differences(words_of(one), words_of(other))
    assert sum(len(p.words) for p in pieces if p.kind in ("gone", "new")) <= 2 * COMPARED
    assert any(p.kind == "left out" for p in pieces)


def test_tables_align_wide_characters_and_blocks_stand_beside_each_other() -> None:
    lines = table(("name", "n"), [("天气", "1"), ("a", "23")])
    assert lines == ["name   n", "天气   1", "a     23"]
    assert beside([lines, ["x", "y"]], 12) == ["name   n   x", "天气   1   y", "a     23"]
    assert beside([lines, [], ["x"]], 11) == [*lines, "", "x"]
    assert shortened("天气天气", 6) == "天..."
    assert shortened("天气天气", 8) == "天气天气"
