"""report.html of a run: written, and whether the one that is there still holds."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dolma_pipe.errors import MissingExtra
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.gather import page_of
from dolma_pipe.work import atomic_write, read_bytes, read_range, size_of

NAME = "report.html"
PACKAGES = {"jinja2": "jinja2", "vl_convert": "vl-convert-python"}
"""Of the extra: what is imported, and what is installed."""


def write_report(run: FinishedRun, out: Path | None = None) -> Path:
    """Write the page into the work directory, or to `out`; returns where it is.

    Raises MissingExtra, and WorkError where the work directory is not of this version or nothing
    can be written.
    """
    for module, package in PACKAGES.items():  # before all that is read for it
        if find_spec(module) is None:
            raise MissingExtra("report", package)
    from dolma_pipe.report.html.report_page import render_page  # who only asks loads no templates

    path = out or run.work.root / NAME
    made = render_page(page_of(run))
    with atomic_write(path, durable=False) as file:
        file.write(made.encode())
        file.write(_seal(run))
    return path


def is_current(run: FinishedRun) -> bool:
    """Whether the page that is there speaks of the run as it is now, and is of this version: times
    do not count, they are those of the run that wrote it."""
    path, seal = run.work.root / NAME, _seal(run)
    try:
        end = read_range(path, max(0, size_of(path) - len(seal)), len(seal))
    except FileNotFoundError:
        return False
    return end == seal


def _seal(run: FinishedRun) -> bytes:
    """The last line of the page: a hash of what it was made from and of the code that made it."""
    digest = hashlib.sha256(_code())
    for name in ("manifest.json", "report.json"):
        digest.update(read_bytes(run.work.root / name) + b"\0")
    return f"<!-- {digest.hexdigest()} -->\n".encode()


@cache
def _code() -> bytes:
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.digest()
