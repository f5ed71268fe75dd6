"""Web pages: charsets, main content, and pages made to break whoever reads them."""

import resource
import time

import pytest

from dolma_pipe.document import BadLine
from dolma_pipe.formats.html import decode_text, page_text
from dolma_pipe.formats.reading import Html

ARTICLE = "<p>" + "A sentence of the article that is long enough to be kept. " * 8 + "</p>"
PAGE = f"""<html><head><title>T</title><style>b {{}}</style><script>evil()</script></head><body>
<nav><ul><li><a href=/>Home</a></li><li><a href=/a>About</a></li></ul></nav>
<article><h1>Headline</h1>{ARTICLE}</article><footer>Copyright notice</footer></body></html>"""


@pytest.mark.parametrize("html", ["resiliparse", "trafilatura", "all_text"])
def test_text_of_a_page(html: Html) -> None:
    text = page_text(PAGE, html)
    assert "A sentence of the article" in text
    assert "evil" not in text
    assert ("About" in text) == (html == "all_text")


CHARSETS = {
    "told": ("Привет, мир", "koi8-r", "koi8-r", ""),
    "told in the page": ("Привет, мир", "windows-1251", None, '<meta charset="windows-1251">'),
    "told wrong": ("Füße, naïve café", "utf-8", "iso-8859-1", ""),
    "told UTF-8, is not": ("Füße und Straßen, größer", "windows-1252", "utf-8", ""),
    "untold": ("日本語のテキストです。これは長い文章です。", "shift_jis", None, ""),
    "seven bits": ("日本語", "iso-2022-jp", "iso-2022-jp", ""),
    "unknown": ("plain", "ascii", "x-no-such-charset", ""),
    "mark": ("Füße", "utf-16", None, ""),
}


@pytest.mark.parametrize("name", CHARSETS)
def test_charsets(name: str) -> None:
    text, charset, told, meta = CHARSETS[name]
    content = f"<html><head>{meta}</head><body>{text}</body></html>".encode(charset)
    assert text in decode_text(content, told, True)[0]


def test_bytes_of_no_charset_are_text_with_replacements() -> None:
    text, _ = decode_text(b"caf\xc3\xa9 \xff\xfe\x81\x8d" + bytes(range(128, 256)), "utf-8", False)
    text.encode()


HOSTILE = {
    "100,000 nested": "<div>" * 100_000 + "x",
    "3,000,000 nested": "<div>" * 3_000_000 + "x",
    "9,000 nested": "<div>" * 9_000 + "x",
    "formatting opened again": "<p>"
    + "".join(f"<{t} x={i}>" for t in ("b", "i", "font") for i in range(3000))
    + "</p>"
    + "<p>x</p>" * 9000,
    "unclosed formatting": "<b><i><u><p>" * 200_000,
    "attributes": "<div " + " ".join(f"a{i}=b" for i in range(200_000)) + ">x",
    "many attributes": ("<div " + " ".join(f"a{i}" for i in range(2000)) + ">x") * 1000,
    "tables": "<table><tr><td>" * 100_000,
    "lists": "<ul><li>x" * 100_000,
    "siblings": "<p>x</p>" * 2_000_000,
    "entities": "&amp;" * 3_000_000,
    "less": "<" * 16_000_000,
    "NUL": "\0" * 16_000_000,
    "NUL in tags": "<p\0>\0<b\0 \0=\0>x",
    "comment": "<!--" * 4_000_000,
    "script": "<script>" + "<!--<script>" * 1_000_000,
    "templates": "<template>" * 100_000,
    "svg": "<svg><g>" * 100_000,
    "select": "<select><option>" * 100_000,
    "links": "<a href=x>y" * 100_000,
    "classes": '<div class="' + "a " * 4_000_000 + '">x',
    "one word": "<p>" + "x" * 16_000_000,
}


@pytest.mark.parametrize("html", ["resiliparse", "all_text", "trafilatura"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_neither_time_nor_memory(name: str, html: Html) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        page_text(HOSTILE[name], html)
    except BadLine as bad:
        assert str(bad).startswith("HTML ")  # noqa: PT017  either is well
    assert time.process_time() - started < (30 if html == "trafilatura" else 6)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 << 10


def test_limits_leave_ordinary_pages_alone() -> None:
    rows = "<tr>" + "<td><b>x</b><a href=y>z</a></td>" * 10 + "</tr>"
    page = f"<html><body><main><table>{rows * 1000}</table></main></body></html>"
    assert page_text(page, "all_text").count("z") == 10_000
