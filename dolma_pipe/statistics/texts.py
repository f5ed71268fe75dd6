"""The texts behind keys: n-grams, documents, URLs and domains, read again where they stand."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import InputError
from dolma_pipe.statistics import keys
from dolma_pipe.statistics.opened import CorpusShard, counted_before
from dolma_pipe.statistics.settings import DOCUMENTS, URLS
from dolma_pipe.urls import host_of, key_of

LONGEST = 200
"""Code points of an excerpt."""
AT_ONCE = 64
"""Documents that are held."""


class Wanted(msgspec.Struct, frozen=True, order=True):
    """A key of a table and a line where it stands."""

    line: int
    table: str
    key: int


class TextsTask(msgspec.Struct, frozen=True):
    """The keys of one shard."""

    shard: CorpusShard
    wanted: tuple[Wanted, ...]


def read_texts(args: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Task function: table, key and text. Raises InputError where the shard was changed."""
    task = msgspec.convert(args, TextsTask)
    reader = task.shard.opened(counted_before)
    by_line: dict[int, list[Wanted]] = {}
    for wanted in sorted(task.wanted):
        by_line.setdefault(wanted.line, []).append(wanted)
    lines, found = list(by_line), []
    for first in range(0, len(lines), AT_ONCE):
        some = lines[first : first + AT_ONCE]
        try:
            batch = reader.take(np.array(some, np.int64))
            for row, line in enumerate(some):
                one = batch.select(np.array([row]))
                found += [(w.table, w.key, _text(one, w)) for w in by_line[line]]
        except LookupError:  # no such line, or not this n-gram in it
            raise InputError(f"{task.shard.uri} was changed while it was read") from None
    return found


def _text(batch: Batch, wanted: Wanted) -> str:
    """batch: of one document."""
    if wanted.table == DOCUMENTS:
        return next(batch.texts())[:LONGEST]
    if wanted.table.startswith("ngrams."):
        return _ngram(batch, int(wanted.table.partition(".")[2]), wanted.key)
    named: Callable[[str], str | None] = key_of if wanted.table == URLS else host_of
    return (named(keys.urls(batch)[0] or "") or "")[:LONGEST]


def _ngram(batch: Batch, size: int, key: int) -> str:
    """The text from its first to its last word, white space as one space."""
    words = batch.words
    at = np.flatnonzero(keys.ngrams(batch, size).keys == np.uint64(key))[0]
    piece = batch.text[words.starts[at] : words.ends[at + size - 1]].tobytes().decode()
    return " ".join(piece.split())[:LONGEST]
