"""Evaluation sets: the questions, answers and passages that training texts must not hold."""

import glob
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.document import field_of
from dolma_pipe.entries.decontaminate import Decontaminate, EvaluationSet, Fields, Names
from dolma_pipe.errors import InputError, RecipeError, StoreError
from dolma_pipe.formats.detect import COMPRESSED, HEAD, JSONL_ENDINGS, Mistaken, format_of
from dolma_pipe.manifest import content_hash
from dolma_pipe.remote import check_address, is_address, is_s3, stored_name
from dolma_pipe.remote.listing import has_pattern, matching
from dolma_pipe.stream import ByteStream, Damaged, open_binary, read_lines
from dolma_pipe.stream import told as why

MAX_ITEM_BYTES = 16 << 20
TEXT_ENDINGS = (".txt", ".md")


class Item(NamedTuple):
    """number: of the item in its set, from 0, in the order of files and lines."""

    evaluation: str
    number: int
    question: str
    answer: str
    passage: str


def evaluation_files(entry: Decontaminate, name: str) -> list[str]:
    """The files of a set in the order of their names. Raises InputError."""
    given = entry.evaluations[name]
    patterns = given.files if isinstance(given, EvaluationSet) else given
    found: list[str] = []
    for pattern in _listed(patterns):
        paths = _matching(f"evaluations.{name}", pattern)
        if not paths:
            raise InputError(f"evaluations.{name}: no file matches {pattern}")
        found += paths
    for path in found:
        _check(f"evaluations.{name}: {path}", path)
    return sorted(set(found))


def _matching(place: str, pattern: str) -> list[str]:
    if not is_address(pattern):
        return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  paths as they are given
    try:
        check_address(place, pattern)
        return list(matching(pattern)) if is_s3(pattern) and has_pattern(pattern) else [pattern]
    except (RecipeError, StoreError) as error:
        raise InputError(str(error)) from error


def check_evaluations(entry: Decontaminate) -> None:
    """Raise InputError for a file or line that cannot be read, and for a set without a question."""
    for name in entry.evaluations:
        if not sum(bool(item.question) for item in read_evaluation(entry, name)):  # reads all
            names = ", ".join(_listed(entry.fields_of(name).question))
            raise InputError(f"evaluations.{name}: there is no question in it (field: {names})")


def evaluation_hashes(entry: Decontaminate) -> dict[str, list[str]]:
    """The content hashes of the files of each set: what a fingerprint is made of."""
    return {
        name: [content_hash(path) for path in evaluation_files(entry, name)]
        for name in entry.evaluations
    }


def read_items(entry: Decontaminate) -> Iterator[Item]:
    """All items of all sets, also those without a question. Raises InputError."""
    for name in entry.evaluations:
        yield from read_evaluation(entry, name)


def read_evaluation(entry: Decontaminate, name: str) -> Iterator[Item]:
    """The items of one set."""
    number = 0
    for path in evaluation_files(entry, name):
        parts = _json_items(path, entry.fields_of(name)) if _is_json(path) else _paragraphs(path)
        try:
            for question, answer, passage in parts:
                yield Item(name, number, question, answer, passage)
                number += 1
        except Damaged as damage:
            raise InputError(f"evaluations.{name}: {path} is damaged ({damage})") from None
        except _WrongLine as wrong:
            raise InputError(f"evaluations.{name}: {path}:{wrong}") from None


class _WrongLine(Exception):
    """Number and fault of a line."""


def _check(told: str, path: str) -> None:
    if not _stem(path).endswith((*JSONL_ENDINGS, *TEXT_ENDINGS)):
        raise InputError(f"{told} is neither .jsonl nor .txt (plain, .gz or .zst)")
    try:
        with open_binary(path) as file:
            head = file.read(HEAD)
    except OSError as error:
        raise InputError(f"{told} cannot be read: {why(error)}") from None
    try:
        format_of(path, head, None)
    except Mistaken as mistaken:
        raise InputError(f"{told} {mistaken}") from None


def _stem(path: str) -> str:
    """The name in lower case, without the ending of a compression."""
    name = stored_name(path).lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name


def _is_json(path: str) -> bool:
    return _stem(path).endswith(JSONL_ENDINGS)


def _json_items(path: str, fields: Fields) -> Iterator[tuple[str, str, str]]:
    for number, content in _lines(path):
        try:
            if not isinstance(msgspec.json.decode(content), dict):
                raise _WrongLine(f"{number} is no JSON object")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _WrongLine(f"{number} is no JSON: {error}") from None
        except RecursionError:
            raise _WrongLine(f"{number} is nested too deeply") from None
        yield (
            _part(content, fields.question),
            _part(content, fields.answer),
            _part(content, fields.passage),
        )


def _part(line: bytes, names: Names) -> str:
    return "\n".join(filter(None, (_told(field_of(line, name)) for name in _listed(names))))


def _told(value: Any) -> str:
    """Text of what a field holds: choices are a list, or an object with their letters as keys."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, dict):
        value = list(value.values())
    return "\n".join(filter(None, map(_told, value))) if isinstance(value, list) else str(value)


def _paragraphs(path: str) -> Iterator[tuple[str, str, str]]:
    """Paragraphs are apart by blank lines; each is a question by itself."""
    last, held = 0, list[str]()
    for number, content in _lines(path):
        if number > last + 1 and held:  # blank lines are passed over
            yield "\n".join(held), "", ""
            held = []
        try:
            held.append(content.decode())
        except UnicodeDecodeError:
            raise _WrongLine(f"{number} is not UTF-8") from None
        last = number
    if held:
        yield "\n".join(held), "", ""


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Numbers and bytes of the lines that are not blank, without a byte order mark."""
    for line in read_lines(ByteStream(path), MAX_ITEM_BYTES):
        if line.content is None:
            raise _WrongLine(f"{line.number} is {line.fault}")
        content = line.content.removeprefix(BOM_UTF8) if line.number == 1 else line.content
        if content.strip():
            yield line.number, content


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
