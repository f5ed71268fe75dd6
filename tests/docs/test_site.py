"""The site builds without a warning and without the network; no page is lost, no link is dead."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.settings import read_yaml
from tests.docs.pages import DOCS, ROOT, anchors, links, name_of, pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there_and_has_a_title(site: Path) -> None:
    for page in pages()[1:]:
        built = site / page.relative_to(DOCS).with_suffix(".html")
        assert re.search(r"<h1 id=[^>]*>[^<]+", built.read_text()), page


def test_nothing_is_fetched_by_a_reader(site: Path) -> None:
    fetched = re.compile(
        r'<(script|img|iframe|source)[^>]* src="?https?:|<link[^>]* href="?https?:'
    )
    for built in site.rglob("*.html"):
        assert not fetched.search(built.read_text()), built
    for styles in site.rglob("*.css"):
        assert "url(http" not in styles.read_text(), styles


def test_the_search_index_holds_every_page(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    for page in pages()[1:]:
        assert f'"{page.relative_to(DOCS).with_suffix(".html").as_posix()}' in index


def test_the_reference_has_signatures_and_docstrings(site: Path) -> None:
    built = (site / "api.html").read_text()
    assert "Score every document of the batch" in built
    assert 'id="dolma_pipe.tagger.Tagger.columns"' in built


def test_no_placeholder_is_taken_for_a_tag(site: Path) -> None:
    """`<source>/<name>` without backticks is an element, of which a reader sees nothing."""
    for built in site.rglob("*.html"):
        taken = re.search(r"<(source|shard|name|file|stage|task|id|key|host)\b", built.read_text())
        assert not taken, f"{built}: {taken}"


def entries(nav: Any) -> list[str]:
    """The pages of a nav, all levels."""
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in inner for page in entries(entry)]


def test_every_page_is_in_the_nav_once() -> None:
    told = entries(read_yaml(ROOT / "mkdocs.yml")["nav"])
    assert len(told) == len(set(told))
    there = {page.relative_to(DOCS).as_posix() for page in pages()[1:]}
    assert there == {page for page in told if not (ROOT / page).exists()}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """In the plain files, as GitHub shows them; mkdocs itself looks at the site's."""
    for link in links(page):
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{name_of(page)}: {link}"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{name_of(page)}: {link}"
