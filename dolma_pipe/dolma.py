"""dolma's attribute files: what they are called, what a line of them is (dolma 1.2.1).

Its mixer takes the path of a documents file, puts attributes/<experiment>/ for documents/, and
reads both line by line: same base name, same compression, same order, same ids.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dolma_pipe.errors import UserError

LINKABLE = (".jsonl.zst", ".jsonl.gz", ".jsonl", ".json.zst", ".json.gz", ".json")
"""How files end that its mixer reads as they are."""

Span = tuple[int, int, float]
"""Start and end in code points, score."""


class AttributeLine(msgspec.Struct):
    """What is known of one document. A number is one span over the whole text."""

    id: str | int
    attributes: dict[str, list[Span]]


def variable_name(name: str) -> str:
    """A name as dolma's taggers write it: letters, digits, underscores."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def experiment_name(name: str) -> str:
    """Raises UserError where it cannot be part of an attribute's name."""
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise UserError(
            f"'{name}' is no name of an experiment: letters, digits and _, no digit first"
        )
    return name


def attribute_names(experiment: str, columns: Iterable[str]) -> dict[str, str]:
    """<experiment>__<tagger>__<column> of each of our columns. Raises UserError where two clash."""
    names: dict[str, str] = {}
    first: dict[str, str] = {}
    for column in columns:
        tagger, _, rest = column.partition(".")
        names[column] = f"{experiment}__{variable_name(tagger)}__{variable_name(rest)}"
        if (other := first.setdefault(names[column], column)) != column:
            raise UserError(f"{other} and {column} are both {names[column]} to dolma: rename one")
    return names


def file_name(key: str, uri: str) -> tuple[str, bool]:
    """What a shard is called for dolma, and whether its mixer can read the shard as it is."""
    stem, name = key.partition("/")[2], Path(uri).name
    for ending in LINKABLE:
        if "://" not in uri and name.endswith(ending):
            return stem + ending, True
    return f"{stem}.jsonl.gz", False
