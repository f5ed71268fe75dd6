"""Why a search may have found nothing: no document has the field that was searched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from dolma_pipe.document import BadLine
from dolma_pipe.errors import InputError
from dolma_pipe.formats.open import open_format
from dolma_pipe.inputs import Input
from dolma_pipe.report.terminal import harmless
from dolma_pipe.search.query import ID, TEXT
from dolma_pipe.search.shard import Search
from dolma_pipe.settings import nearest
from dolma_pipe.stream import Damaged

FIRST = 100
"""Lines that are looked at, of one file a corpus."""
DEEPEST = 8
"""Keys within keys that are named."""


def field_missing(shards: Sequence[Input], asked: Search) -> str | None:
    """One line where none of the first documents has the field; it names what they have."""
    strings: dict[str, bool] = {}  # path -> whether it is one
    bad: Counter[str] = Counter()
    for shard in {shard.source: shard for shard in reversed(shards)}.values():
        for read in _first(shard, asked):
            if isinstance(read, str):
                bad[read] += 1
            elif asked.query.field in (TEXT, ID) or asked.query.string_in(read) is not None:
                return None
            else:
                strings.update(_fields(msgspec.json.decode(read)))
    if strings:
        field = asked.query.field
        if field in strings:
            return harmless(f"'{field}' is no string in the first documents: none is searched")
        hint = nearest(field, [name for name, is_string in strings.items() if is_string])
        return harmless(f"none of the first documents has a string '{field}'{hint}")
    if not bad:
        return None
    (reason, _), *_ = bad.most_common(1)
    hint = " (--messages reads conversations)" if reason == "no text" else ""
    return f"the first lines are no documents: {reason}{hint}"


def _first(shard: Input, asked: Search) -> Iterator[bytes | str]:
    """The first documents of a file as JSON, and why other lines are none."""
    reading = msgspec.structs.replace(asked.reading, format=shard.format)
    opened = open_format(shard.uri, reading, asked.max_document_bytes)
    try:
        for record in islice(opened.records(), FIRST):
            try:
                yield record.fault or opened.parse(record)[1]
            except BadLine as bad:
                yield str(bad)
    except (Damaged, InputError):
        return  # told already


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """The paths of all values below a value, and whether they are strings."""
    if isinstance(value, dict) and path.count(".") < DEEPEST:
        for key, below in value.items():
            yield from _fields(below, f"{path}.{key}" if path else key)
    else:
        yield path, isinstance(value, str)
