"""The page itself: made once, without a word of any document; its script asks for the rest."""

from html import unescape
from re import search
from typing import NamedTuple

from dolma_pipe.report.html.render import rendered


class Page(NamedTuple):
    """policy: what a browser may do with it."""

    content: bytes
    policy: str


def page_of(name: str, place: str) -> Page:
    """Of a run. Raises MissingExtra where the extra `report` is not installed."""
    content = rendered(
        "browse.html.j2",
        charts=False,
        served=True,
        also=("browse.css", "browse.js"),
        name=name,
        place=place,
        sections=(),
    )
    found = search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    assert found is not None  # base.html.j2 has it
    return Page(content.encode(), unescape(found[1]))
