"""Where a mistake in a recipe stands: the file and the line of what an error names."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.settings import one_line, read_yaml

_OF_YAML = re.compile(r"line (\d+): (.*)")


class Mistake(msgspec.Struct, frozen=True):
    """Something wrong in a recipe. line: counted from 1; None for what no line says.

    file: the recipe, or one that it extends.
    """

    file: str
    line: int | None
    told: str

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        return f"{self.file}{line}: {self.told}"


def located(errors: Iterable[object], files: Sequence[Path]) -> list[Mistake]:
    """What errors say ("quality.keep.gopher.words: ..."), and where it stands; in that order.

    files: the recipe, then those that it extends.
    """
    nodes = [_marked(file) for file in files]
    places = [_place(one_line(error), files, nodes) for error in errors]
    return [mistake for *_, mistake in sorted(places, key=lambda place: place[:2])]


def _place(told: str, files: Sequence[Path], nodes: Sequence[Any]) -> tuple[int, float, Mistake]:
    """Which of the files, line of it, and both with the words."""
    if of_yaml := _OF_YAML.fullmatch(told):
        line = int(of_yaml[1])
        return 0, line, Mistake(str(files[0]), line, of_yaml[2])
    place, _, what = told.partition(": ")
    quoted = re.findall(r"'([^']*)'", what)[:1]
    lines = [list(_lines(node, place, quoted)) for node in nodes]
    best = max(range(len(files)), key=lambda i: len(lines[i]))
    found = lines[best][-1] if lines[best] else None
    return best, found or math.inf, Mistake(str(files[best]), found, told)


def _marked(file: Path) -> Any:
    try:
        return read_yaml(file, marked=True)
    except RecipeError:
        return None


def _lines(node: Any, place: str, quoted: list[str]) -> Iterator[int]:
    """The line of each key or item on the way to a place, then of what is quoted if it is there."""
    while place:
        found = [each for each in _below(node) if f"{place}.".startswith(f"{each[0]}.")]
        if not found:
            break
        name, key, node = max(found, key=lambda each: len(each[0]))
        yield key.start_mark.line + 1
        place = place[len(name) + 1 :]
    for name, key, _ in _below(node):
        if [name] == quoted:
            yield key.start_mark.line + 1
            return


def _below(node: Any) -> Iterator[tuple[str, Any, Any]]:
    """Names, where they stand, and what is below: of keys, of items by their place and by the one
    name that they are or have, as {gopher: {}} in a list of taggers."""
    if node is not None and node.id == "mapping":
        for key, value in node.value:
            yield str(key.value), key, value
    elif node is not None and node.id == "sequence":
        for place, item in enumerate(node.value):
            yield str(place), item, item
            if item.id == "scalar":
                yield str(item.value), item, item
            else:
                yield from _below(item) if item.id == "mapping" else ()
