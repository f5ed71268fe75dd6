"""From the bytes of a web page to its text: charset, then main content, within bounds that keep a
hostile page from taking the worker's time or memory."""

import codecs
import importlib.util

import numpy as np

from dolma_pipe.document import BadLine
from dolma_pipe.errors import MissingExtra
from dolma_pipe.formats.reading import Html
from dolma_pipe.kernels.html import html_extent

MAX_ELEMENTS = 500_000
"""Of a page's tree: some 400 bytes each."""

MAX_ATTRIBUTE_PAIRS = 200_000_000
"""Attributes of a tag are compared with each other: 2 ns a pair."""

MAX_VISITS = 50_000_000
"""Elements times depth: extraction goes up from every element, 15 ns a step."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def check_installed(html: Html) -> None:
    """Raise MissingExtra where a package is missing that reading web pages needs."""
    if importlib.util.find_spec("resiliparse") is None:
        raise MissingExtra("warc", "resiliparse")
    if html == "trafilatura" and importlib.util.find_spec("trafilatura") is None:
        raise MissingExtra("html", "trafilatura")


def decode_text(content: bytes, charset: str | None, html: bool) -> tuple[str, str]:
    """The text of a body and the charset it was read as, by the WHATWG's names.

    In this order: a byte order mark; UTF-8 if it is that, and not seven bits wide or with NULs (as
    ISO-2022-JP and UTF-16 are); what the server said, the page says, what the bytes look like,
    each if they fit; else with U+FFFD in places.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace"), name
    if not content.isascii() or not (b"\x1b" in content or b"\0" in content):
        try:
            return content.decode(), "utf-8"
        except UnicodeDecodeError:
            pass
    try:
        from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
    except ImportError:
        raise MissingExtra("warc", "resiliparse") from None
    told = map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    names = [
        told,
        detect_encoding(content, from_html_meta=html),
        detect_encoding(content, from_html_meta=False),
    ]
    for name in filter(None, names):
        try:
            return content.decode(name), name
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode(errors="replace"), "utf-8"


def page_text(page: str, html: Html) -> str:
    """The text of a page. Raises BadLine for one whose tree would be too large, or too deep."""
    tags = _refuse_large(page)
    if html == "trafilatura":
        return _by_trafilatura(page)
    try:
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.html import HTMLTree
    except ImportError:
        raise MissingExtra("warc", "resiliparse") from None
    tree = HTMLTree.parse(page)
    _refuse_deep(tree, tags)
    text: str = extract_plain_text(
        tree, preserve_formatting=True, main_content=html == "resiliparse", alt_texts=False
    )
    return text


def _refuse_large(page: str) -> int:
    """The number of tags."""
    content = np.frombuffer(page.encode(), np.uint8)
    tags, formatting, pairs = html_extent(content)
    if tags * (1 + formatting) > MAX_ELEMENTS:
        raise BadLine(f"HTML of more than {MAX_ELEMENTS} elements")
    if pairs > MAX_ATTRIBUTE_PAIRS:
        raise BadLine("HTML with too many attributes in a tag")
    return tags * (1 + formatting)


def _refuse_deep(tree: object, elements: int) -> None:
    """Deeper than its elements a tree is not: most need no walk."""
    if elements * elements <= MAX_VISITS:
        return
    from resiliparse.parse.html import DOMContext, traverse_dom

    limit = MAX_VISITS // elements

    def enter(context: DOMContext) -> None:
        if context.depth > limit:
            raise BadLine("HTML that is nested too deeply")

    traverse_dom(tree.body, enter, None, elements_only=True)  # type: ignore[attr-defined]


def _by_trafilatura(page: str) -> str:
    try:
        import trafilatura
    except ImportError:
        raise MissingExtra("html", "trafilatura") from None
    # fallbacks compare several extractors: thrice the time, and what they do hangs on versions
    text: str | None = trafilatura.extract(page, include_comments=False, deduplicate=False)
    return text or ""
