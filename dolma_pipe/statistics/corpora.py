"""What the command line names: corpora, each with its shards."""

import re
from glob import escape
from pathlib import Path

import msgspec

from dolma_pipe.errors import RecipeError, UserError
from dolma_pipe.folders import is_work_directory
from dolma_pipe.formats.reading import ColumnNames, Reading
from dolma_pipe.inputs import find_inputs
from dolma_pipe.remote import is_address
from dolma_pipe.settings import nearest
from dolma_pipe.statistics.settings import Corpus

_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
PATTERN = re.compile(r"[*?\[]")


def find_corpora(
    given: tuple[str, ...], splits: tuple[str, ...] = (), columns: tuple[str, ...] = ()
) -> tuple[Corpus, ...]:
    """The corpora of NAME=PATH and PATH, in their order; a name may come again.

    Without a name a path is called by its folder, or by the one around documents/. A finished run
    stands for what its stages 1 to 3 left of each source. columns: FIELD=COLUMN of tables. Raises
    UserError for what is not there.
    """
    reading = Reading(columns=_columns(columns))
    named: dict[str, list[str]] = {}
    called: dict[str, str] = {}
    for argument in given:
        for name, path, folder in _of(argument):
            if called.setdefault(name, folder) != folder:
                told = f"{called[name]} and {folder} are both called {name}"
                raise UserError(f"{told}: give a name, as {name}2={path}")
            named.setdefault(name, []).append(path)
    return tuple(_corpus(name, paths, reading, splits) for name, paths in named.items())


def name_and_path(argument: str) -> tuple[str | None, str]:
    """What NAME=PATH says, no name where it is a path."""
    match = _NAMED.fullmatch(argument)
    return (match[1], match[2]) if match and not Path(argument).exists() else (None, argument)


def _of(argument: str) -> list[tuple[str, str, str]]:
    """Name, path, and what the name comes from."""
    name, path = name_and_path(argument)
    if name is not None:
        return [(name, path, "")]
    if is_work_directory(argument):
        sources = sorted(path for path in (Path(argument) / "curated").iterdir() if path.is_dir())
        return [(path.name, f"{escape(str(path))}/*.jsonl.zst", str(path)) for path in sources]
    folder = _folder(argument)
    return [(folder.rpartition("/")[2] or "corpus", argument, folder)]


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
    return Path(argument).is_file()


def _corpus(name: str, paths: list[str], reading: Reading, splits: tuple[str, ...]) -> Corpus:
    try:
        inputs = find_inputs(name, paths, reading, splits)
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
    return Corpus(name, inputs, reading)


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
