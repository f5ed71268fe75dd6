"""What the command line names: corpora, each with its shards."""

import os
import re
from glob import escape
from pathlib import Path
from typing import NamedTuple

import msgspec

from dolma_pipe.errors import RecipeError, UserError
from dolma_pipe.formats.reading import ColumnNames, Reading
from dolma_pipe.inputs import find_inputs
from dolma_pipe.remote import is_address
from dolma_pipe.settings import nearest
from dolma_pipe.statistics.opened import OfRun
from dolma_pipe.statistics.runs import Stage, run_corpora
from dolma_pipe.statistics.settings import Corpus

_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
PATTERN = re.compile(r"[*?\[]")


class _Path(NamedTuple):
    """folder: after which its corpus is called, "" where it was given a name. shards, stage: of a
    run."""

    folder: str
    given: str
    shards: dict[str, OfRun] | None = None
    stage: Stage | None = None

    def patterns(self) -> list[str]:
        return [self.given] if self.shards is None else list(map(escape, self.shards))


def find_corpora(
    given: tuple[str, ...], splits: tuple[str, ...] = (), columns: tuple[str, ...] = ()
) -> tuple[Corpus, ...]:
    """The corpora of NAME=PATH and PATH, in their order; a name may come again.

    Without a name a path is called by its folder, or by the one around documents/, and the sources
    of a run are corpora of their own. columns: FIELD=COLUMN of tables. Raises UserError for what is
    not there.
    """
    reading = Reading(columns=_columns(columns))
    named: dict[str, list[_Path]] = {}
    called: dict[str, str] = {}
    for argument in given:
        for name, path in _of(argument):
            folder = called.setdefault(name, path.folder)
            if folder != path.folder:
                told = f"{folder} and {path.folder} are both called {name}"
                raise UserError(f"{told}: give a name, as {name}2={path.given}")
            named.setdefault(name, []).append(path)
    return tuple(_corpus(name, paths, reading, splits) for name, paths in named.items())


def name_and_path(argument: str) -> tuple[str | None, str]:
    """What NAME=PATH says, no name where it is a path."""
    match = _NAMED.fullmatch(argument)
    there = os.path.exists(argument)  # noqa: PTH110  no error for a long name
    return (match[1], match[2]) if match and not there else (None, argument)


def _of(argument: str) -> list[tuple[str, _Path]]:
    """The corpora that it belongs to, or is."""
    name, given = name_and_path(argument)
    if run := run_corpora(given):
        given = given.rstrip("/")
        return [
            (name or source, _Path("" if name else f"{given}/{source}", given, shards, run.stage))
            for source, shards in run.sources.items()
        ]
    if name is not None:
        return [(name, _Path("", given))]
    folder = _folder(argument)
    return [(folder.rpartition("/")[2] or "corpus", _Path(folder, given))]


def _folder(argument: str) -> str:
    """The folder after which a path is called."""
    parts = (argument if is_address(argument) else str(Path(argument).absolute())).split("/")
    while parts and (PATTERN.search(parts[-1]) or parts[-1] in ("", "documents", "curated")):
        parts.pop()
    if parts and not PATTERN.search(argument) and _is_file(argument):
        parts.pop()
        while parts and parts[-1] == "documents":
            parts.pop()
    return "/".join(parts)


def _is_file(argument: str) -> bool:
    if is_address(argument):
        return "." in argument.rpartition("/")[2]
    return os.path.isfile(argument)  # noqa: PTH113  no error for a long name


def _corpus(name: str, paths: list[_Path], reading: Reading, splits: tuple[str, ...]) -> Corpus:
    patterns = [pattern for path in paths for pattern in path.patterns()]
    try:
        inputs = find_inputs(name, patterns, reading, splits)
    except RecipeError as error:
        told = str(error).replace(f"sources.{name}.documents: ", "")
        for setting, option in (
            ("; say one as format", ": give its files as a pattern, as *.jsonl"),
            ("say which: split: ", "say which: --split "),
            (f"sources.{name}.split:", "--split:"),
            (f"sources.{name}.columns", "--columns"),
        ):
            told = told.replace(setting, option)
        raise UserError(told) from None
    of_run = {uri: shard for path in paths for uri, shard in (path.shards or {}).items()}
    runs = {path.given: path.stage for path in paths if path.stage}
    return Corpus(name, inputs, reading, of_run, runs)


def _columns(given: tuple[str, ...]) -> ColumnNames:
    known = [field.name for field in msgspec.structs.fields(ColumnNames)]
    found: dict[str, str] = {}
    for pair in given:
        field, mark, column = pair.partition("=")
        if not mark:
            raise UserError(f"--columns: '{pair}' is not FIELD=COLUMN")
        if field not in known:
            raise UserError(f"--columns: unknown field '{field}'{nearest(field, known)}")
        found[field] = column
    return ColumnNames(**found)
