"""A browser for tests of pages: Chromium of this machine, headless, one for all tests of a module.

`from tests.browser import browser, opened` gives a test module the fixture `browser`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page in the browser. complaints: of its console, uncaught errors too; asked: addresses that
    it fetched, its own among them."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running browser. Where there is none tests are skipped; under CI they fail."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        told = f"no browser: none of {', '.join(NAMES)} on PATH, or no playwright"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        yield running
        running.close()


@contextmanager
def opened(browser: Any, address: str | Path, **context: Any) -> Iterator[Opened]:
    """A page in a window of its own, loaded. context: as of Playwright's new_context."""
    url = address.as_uri() if isinstance(address, Path) else address
    window = browser.new_context(**context)
    made = Opened(window.new_page())
    made.page.on("console", lambda said: made.complaints.append(f"{said.type}: {said.text}"))
    made.page.on("pageerror", lambda error: made.complaints.append(f"error: {error}"))
    made.page.on("dialog", lambda dialog: made.complaints.append(f"dialog: {dialog.message}"))
    made.page.on("request", lambda request: made.asked.append(request.url))
    made.page.goto(url)
    try:
        yield made
    finally:
        window.close()
