"""What a page asks of a run and is told, as JSON: one question after the other."""

import sys
import traceback
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple, get_args

import msgspec

from dolma_pipe.browse.beside import beside
from dolma_pipe.browse.document import View, Wanted, bad_line, line_of, shown
from dolma_pipe.browse.listing import Listing, list_in_order
from dolma_pipe.browse.opened import Opened, stamp
from dolma_pipe.browse.ordered import list_by_column
from dolma_pipe.browse.quarantined import list_of_quarantined
from dolma_pipe.browse.question import Refused, one_each, question, whole
from dolma_pipe.browse.searching import list_with_text
from dolma_pipe.browse.told import told_of
from dolma_pipe.errors import UserError
from dolma_pipe.report.finished import finished_run
from dolma_pipe.work import release

Parameters = Mapping[str, list[str]]
MOST = 10**15 - 1


class Answer(NamedTuple):
    """status: of HTTP; body: JSON, of anything but a success {"error": one line}."""

    status: int
    body: bytes


class Api:
    """Answers about one run, which is opened anew when another run has made it anew."""

    def __init__(self, told: str) -> None:
        """told: as on the command line. Raises WorkError where there is no such run."""
        self._told = told
        self._lock = Lock()
        self._opened = Opened(finished_run(told))
        self._answers: dict[str, Callable[[Opened, Parameters], Any]] = {
            "/api/run": _run,
            "/api/documents": _documents,
            "/api/document": _document,
            "/api/line": _line,
            "/api/beside": _beside,
        }

    @property
    def name(self) -> str:
        """Of the run."""
        return self._opened.run.recipe.name

    @property
    def place(self) -> str:
        """Its work directory."""
        return self._opened.run.place

    def answer(self, path: str, parameters: Parameters) -> Answer:
        """A bug is told on the terminal, and the next question is answered all the same."""
        try:
            if path not in self._answers:
                raise Refused(404, "there is no such page")
            with self._lock:
                try:
                    if stamp(self._opened.run) != self._opened.stamp:
                        self._opened = Opened(finished_run(self._told))
                    found = self._answers[path](self._opened, parameters)
                finally:
                    release()
            return Answer(200, msgspec.json.encode(found))
        except Refused as refused:
            return _error(refused.status, str(refused))
        except UserError as error:
            return _error(503, str(error))
        except FileNotFoundError as error:
            lost = error.filename or next(iter(str(error).splitlines()), "a file")
            return _error(503, f"{lost} is not there: is a run making it anew? ask again later")
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _error(500, "a bug: its traceback is on the terminal; please report it")


def _error(status: int, told: str) -> Answer:
    return Answer(status, msgspec.json.encode({"error": " ".join(told.split())}))


def _run(opened: Opened, parameters: Parameters) -> Any:
    one_each(parameters, ())
    return told_of(opened)


def _documents(opened: Opened, parameters: Parameters) -> Listing:
    asked = question(opened, parameters)
    if asked.verdict == "quarantined":
        return list_of_quarantined(opened, asked)
    if asked.text:
        return list_with_text(opened, asked)
    return list_in_order(opened, asked) if asked.order == "input" else list_by_column(opened, asked)


def _document(opened: Opened, parameters: Parameters) -> Any:
    told = one_each(parameters, ("shard", "line", "row", "view", "from", "find"))
    key = _needed(told, "shard")
    if ("line" in told) == ("row" in told):
        raise Refused(400, "a document is asked for by its line or its row")
    view = told.get("view")
    if view not in (None, *get_args(View)):
        raise Refused(400, f"view is {view[:40] if view else ''!a}, not input or curated")
    if "row" in told:
        line = line_of(opened, key, whole(told, "row", 0, 0, MOST))
    else:
        line = whole(told, "line", 1, 1, MOST)
    start = whole(told, "from", 0, 0, MOST) if "from" in told else None
    return shown(opened, Wanted(key, line, view, start, told.get("find", "")))  # type: ignore[arg-type]


def _line(opened: Opened, parameters: Parameters) -> Any:
    told = one_each(parameters, ("shard", "line"))
    return bad_line(opened, _needed(told, "shard"), whole(told, "line", 0, 1, MOST))


def _beside(opened: Opened, parameters: Parameters) -> Any:
    told = one_each(parameters, ("kept", "kept_row", "copy", "copy_row"))
    places = [
        (_needed(told, name), whole(told, f"{name}_row", -1, 0, MOST)) for name in ("kept", "copy")
    ]
    return beside(opened, places[0], places[1])


def _needed(told: Mapping[str, str], name: str) -> str:
    if name not in told:
        raise Refused(400, f"{name} is missing")
    return told[name]
