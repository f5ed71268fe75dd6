"""The page as people use it, in a browser: choose, open, read on, search, go back."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dolma_pipe.browse.api import Api
from dolma_pipe.browse.page import page_of
from dolma_pipe.browse.server import Browser
from dolma_pipe.report.terminal import code_of, is_shown
from tests.browser import Opened, browser, opened

__all__ = ["browser"]


@pytest.fixture(scope="module")
def served(looked: Path) -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(looked)
        api = Api("work/looked")
        with Browser(api, page_of(api.name, api.place), 0) as made:
            thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield made
            made.shutdown()
            thread.join()


@pytest.fixture
def window(served: Browser, browser: Any, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Its parameter, if any: what the address says behind the token."""
    address = served.address() + getattr(request, "param", "")
    with opened(browser, address, viewport={"width": 1400, "height": 900}) as made:
        made.page.set_default_timeout(60_000)
        made.page.wait_for_selector("#document h2")
        yield made
        assert made.complaints == []
        assert {url.split("/")[2] for url in made.asked} == {f"127.0.0.1:{served.port}"}


def title(page: Any) -> str:
    return str(page.text_content("#document h2"))


def until(page: Any, script: str) -> None:
    """Until it is so. Playwright's own way to wait is forbidden by the page's policy."""
    for _ in range(2000):
        if page.evaluate(f"Boolean({script})"):
            return
        page.wait_for_timeout(30)
    raise AssertionError(f"never: {script}")


SETTLED = """!document.querySelector('.busy')
    && document.querySelector('#document').dataset.doc
        === document.querySelector('#rows a[aria-current]')?.dataset.doc"""


def test_a_walk(window: Opened, served: Browser) -> None:
    """A rule is chosen, a document opened, walked on with keys, searched; and all the way back."""
    page = window.page
    assert served.token not in page.url
    page.click("#verdicts a:has-text('gopher.words')")
    until(page, "document.querySelector('#document .verdict.dropped')")
    assert "verdict=dropped%3Agopher.words" in page.url
    rows = page.locator("#rows a")
    assert rows.count() > 3
    page.click("#verdicts a:has-text('just below')")
    until(page, "new URLSearchParams(location.search).get('order') === 'descending'")
    until(page, "document.querySelector('#rows .row-value')?.textContent === '2'")
    assert page.locator("#document tr.reason th").text_content() == "gopher.words"

    page.go_back()
    until(page, f"!document.querySelector('#rows .row-value') && {SETTLED}")
    first = title(page)
    page.keyboard.press("j")
    until(page, f"document.querySelector('#document h2').textContent !== '{first}'")
    assert page.locator("#rows a[aria-current]").get_attribute("data-doc") in page.url.replace(
        "%2F", "/"
    ).replace("%3A", ":")
    page.keyboard.press("k")
    until(page, f"document.querySelector('#document h2').textContent === '{first}'")

    page.click("#verdicts a:has-text('all documents')")
    until(page, "!location.search.includes('verdict')")
    page.keyboard.press("/")
    page.keyboard.type("istanbul of")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#document mark.search')")
    assert page.text_content("#document mark.search") == "İstanbul of"
    assert page.text_content("#rows mark") == "İstanbul of"
    shared = page.url
    page.go_back()
    until(page, "!location.search.includes('q=')")
    assert page.input_value("#q") == ""
    page.goto(shared)
    until(page, "document.querySelector('#document mark.search')")


FOCUSED = "(document.activeElement.dataset.key ?? document.activeElement.dataset.doc)"


def test_with_the_keyboard_alone(window: Opened, served: Browser) -> None:
    """What is chosen keeps the focus, though it is drawn anew; the list is one stop."""
    page = window.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#verdicts a[data-key=dropped]")
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('#document .verdict.dropped') && {SETTLED}")
    assert page.evaluate(FOCUSED) == "dropped"

    rows = page.locator("#rows a")
    assert page.locator("#rows a[tabindex='0']").count() == 1 < rows.count()
    page.focus("#rows a[tabindex='0']")
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        page.keyboard.press(key)
        doc = rows.nth(place).get_attribute("data-doc")
        until(page, f"{FOCUSED} === '{doc}' && {SETTLED}")

    page.focus("#document button[data-key=Previous]")
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('#document [aria-disabled]') && {SETTLED}")
    assert page.evaluate(FOCUSED) == "Previous"
    page.goto(f"http://127.0.0.1:{served.port}/?q=web-52&in=id")
    until(page, "document.querySelector('#document .text mark')")
    page.focus("#document .toolbar input[type=checkbox]")
    page.keyboard.press("Space")
    until(page, f"location.search.includes('marks=') && {SETTLED}")
    assert page.evaluate(FOCUSED).startswith("mark ")


@pytest.mark.parametrize("window", ["&q=web-45&in=id&view=input"], indirect=True)
def test_a_text_is_scrolled_to_what_was_searched(window: Opened, served: Browser) -> None:
    """The end of a long one, in a low window."""
    page = window.page
    words = page.text_content("#document .text").split()[-4:]
    page.set_viewport_size({"width": 1400, "height": 200})
    page.goto(f"http://127.0.0.1:{served.port}/?{urlencode({'q': ' '.join(words)})}")
    until(page, "document.querySelector('#document mark.search')")
    box = "document.querySelector('#document {}').getBoundingClientRect()"
    assert page.evaluate("document.querySelector('#document .text').scrollTop") > 0
    assert page.evaluate(f"{box.format('.text')}.top < {box.format('mark.search')}.top")
    assert page.evaluate(f"{box.format('.text')}.bottom > {box.format('mark.search')}.bottom")


def test_marks_are_chosen(window: Opened, served: Browser) -> None:
    page = window.page
    page.goto(f"http://127.0.0.1:{served.port}/?q=web-52&in=id")
    until(page, "document.querySelector('#document .text mark')")
    marks = page.locator("#document .text mark")
    assert marks.all_text_contents() == ["|||EMAIL_ADDRESS|||"] * 2
    page.check("#document input[value=input]", force=True)
    until(page, "document.querySelector('#document .text mark')?.textContent === 'a@example.org'")
    page.uncheck("#document .toolbar input[type=checkbox]", force=True)
    until(page, "!document.querySelector('#document .text mark')")
    assert "marks=none" in page.url
    page.go_back()
    page.wait_for_selector("#document h2")


@pytest.mark.parametrize("window", ["&verdict=duplicate:3"], indirect=True)
def test_a_duplicate_leads_to_what_was_kept(window: Opened) -> None:
    page = window.page
    until(page, "document.querySelector('#document .both del, #document .both ins')")
    page.click("#document .outcome a")
    until(page, "document.querySelector('#document .outcome .kept')")
    assert "went for it" in str(page.text_content("#document .outcome"))
    page.go_back()
    until(page, "document.querySelector('#document .outcome .duplicate')")


@pytest.mark.parametrize(
    "window", [f"&q=web-51&in=id&view={view}" for view in ("curated", "input")], indirect=True
)
def test_hostile_text_stays_text(window: Opened) -> None:
    page = window.page
    until(page, "document.querySelector('#document .text .control')")
    text = page.text_content("#document .text")
    assert "<script>document.title = 'taken'</script> <img src=x onerror=alert(1)>" in text
    assert not set("\u202e\u202c\x1b\u200b") & set(page.text_content("body"))
    assert page.locator("#document img, #document script").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert "taken" not in page.title()
    page.click("#document summary")
    assert "javascript:alert(2)" in page.text_content("#document details")


def test_what_is_not_seen_in_a_name_is_told_by_its_number(window: Opened) -> None:
    odd, plain = "\u202e\u180e\U000e0041\u0600\ue000\x1b\u2028", "a é\n\t\u200c\u200d𝔘"
    legible = "(text) => import('/browse/words.js').then((words) => words.legible(text))"
    assert window.page.evaluate(legible, odd) == "".join(f"⟨{code_of(char)}⟩" for char in odd)
    assert window.page.evaluate(legible, plain) == plain
    assert not any(map(is_shown, odd))
    assert all(map(is_shown, plain))


def test_what_goes_wrong_is_one_line(window: Opened, served: Browser) -> None:
    page = window.page
    page.goto(f"http://127.0.0.1:{served.port}/?source=wbe")
    page.wait_for_selector("#failure:not([hidden])")
    assert "no source 'wbe' (did you mean 'web'?)" in page.text_content("#failure")
    page.click("#sources a:has-text('web')")
    page.wait_for_selector("#document h2")
    assert page.is_hidden("#failure")
    window.complaints = [said for said in window.complaints if "404" not in said]
