"""The page of statistics: whole, quiet, filtered by corpus, and deaf to hostile text."""

from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.statistics.page import render, write_page
from dolma_pipe.statistics.told import Statistics
from tests.browser import browser, opened
from tests.statistics.made import CHEAP, counted, documents, write_lines

__all__ = ["browser"]

HOSTILE = "<script>document.title='owned'</script> \u202egnp \x07"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    root = tmp_path_factory.mktemp("page")
    texts = [f"{HOSTILE} {i % 3}" for i in range(6)] + ["write to someone@example.org", ""]
    urls = [f"https://{'ab'[i % 2]}.example/{i}" for i in range(len(texts))]
    write_lines(root / "web" / "0.jsonl", [*documents(texts, url=urls), "{broken"])
    write_lines(root / "wiki" / "0.jsonl", documents([*texts[:2], "plain words and more"]))
    write_lines(root / "quiz.jsonl", [{"question": " ".join(f"word{i}" for i in range(12))}])
    parts = (*CHEAP, "pii")
    evaluation = (f"quiz={root}/quiz.jsonl",)
    return counted(root / "web", root / "wiki", parts=parts, evaluations=evaluation, ngrams=(1, 2))


def test_the_page_opens_and_is_filtered(found: Statistics, tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "stats.html"
    write_page(found, path)
    with opened(browser, path) as shown:
        page = shown.page
        assert "statistics" in page.title()
        for id in ("overview", "lengths", "ngrams", "addresses", "duplicates", "found", "overlaps"):
            page.locator(f"#{id}").scroll_into_view_if_needed()
            assert page.locator(f"#{id}").is_visible()
        page.wait_for_function("document.querySelectorAll('figure[data-drawn]').length >= 3")
        assert page.locator("#lengths svg path").count() > 0
        assert page.locator("summary", has_text="Words of wiki").count() == 1
        assert not page.locator("summary", has_text="Words of wiki").is_visible()
        page.locator("[data-source-filter] label", has_text="wiki").click()
        assert page.locator("summary", has_text="Words of wiki").is_visible()
        assert not page.locator("summary", has_text="Words of web").is_visible()
        assert page.locator(".figures .one-source:visible strong").first.inner_text() == "3"
        assert shown.complaints == []
        assert shown.asked == [path.as_uri()]


def test_text_of_documents_stays_text(found: Statistics) -> None:
    page = render(found)
    assert "<script>document.title" not in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "U+202E" in page


def test_a_page_of_one_corpus_needs_no_filter(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", documents(["one two", "one"]))
    page = render(counted(tmp_path / "a.jsonl", parts=("ngrams",), ngrams=(1,)))
    assert "data-source-filter aria" not in page
    assert 'id="duplicates"' not in page
    assert 'id="overlaps"' not in page
