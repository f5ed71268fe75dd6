"""How large a page's tree gets, against the obvious reading of its tags."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.kernels.html import html_extent
from tests.slow import html as slow


def extent(page: str) -> tuple[int, int, int]:
    return html_extent(np.frombuffer(page.encode(), np.uint8))


PIECES = [
    *("<", ">", "</", "/>", "=", '"', "'", " ", "\n", "/", "<!", "<!--", "-->", "--", "->", "-"),
    *("<b>", "</b>", "<B x=1>", "<a href='>'>", "</a>", "<nobr>", "<p", "<div a b", "é", "x", "\0"),
    *(
        "<script>",
        "</script>",
        "</SCRIPT ",
        "</scripts>",
        "<title/>",
        "</title",
        "<style ",
        "</x y>",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_the_same_as_the_slow_twin(page: str) -> None:
    assert extent(page) == slow.html_extent(page)


KNOWN = {
    "": (0, 0, 0),
    "<p>a<br/>b</p>": (2, 0, 0),
    "<!-- <p> --><p>": (1, 0, 0),
    "<!--><p>": (1, 0, 0),
    "<script>'<p><p>'</script><p>": (2, 0, 0),
    "<b><i></b><b></i>": (3, 2, 0),
    "<a><a><a>": (3, 1, 0),
    "<p a b='>' c=d>": (1, 0, 9),
    "1 < 2 <3": (0, 0, 0),
}


@pytest.mark.parametrize("page", KNOWN)
def test_known_pages(page: str) -> None:
    assert extent(page) == KNOWN[page] == slow.html_extent(page)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "<!", "<script>", "</", "<p a='", "x", "<p>"]
)
def test_time_is_linear(piece: str) -> None:
    extent("<p>")
    started = time.process_time()
    extent(piece * ((16 << 20) // len(piece)))
    assert time.process_time() - started < 2
