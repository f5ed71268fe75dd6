"""What is counted, and how the memory is divided among its tables."""

from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

from dolma_pipe.errors import UserError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.frequencies import SLACK
from dolma_pipe.settings import nearest
from dolma_pipe.shard import MAX_DOCUMENT_BYTES
from dolma_pipe.statistics.opened import CorpusShard, OfRun
from dolma_pipe.statistics.runs import Stage
from dolma_pipe.statistics.summary import Size

Part = Literal["tokens", "ngrams", "urls", "duplicates", "language", "pii", "toxicity", "overlap"]
PARTS: tuple[Part, ...] = get_args(Part)
DOCUMENTS, URLS, DOMAINS, DOMAIN_BYTES = "documents", "urls", "domains", "domain_bytes"
OVERLAP = "overlap"
"""Names of tables; those of n-grams are ngrams.N."""
LARGEST_SAMPLE = 1 << 16
"""Keys that are known when not all are: a standard error of 0.4 % of the number of distinct ones.
"""
SMALLEST_CAPACITY = 1 << 10
A_TABLE, ONCE = 59, 160
"""Bytes a key of every table, and for the one that is merged: see table_sizes."""
ROWS_BEHIND = 2 * 16 * SLACK
"""Bytes behind the slots of a table and its sample."""


class Settings(msgspec.Struct, frozen=True):
    """parts: what is counted besides documents, bytes, code points and words. ngrams: words in an
    n-gram. top: n-grams, domains and the like that are shown. memory: bytes of all tables of a
    process. overlap_ngram: words of the n-grams by which corpora are compared. language: the model.
    """

    parts: tuple[Part, ...] = PARTS
    ngrams: tuple[int, ...] = (1, 2, 3, 5, 10)
    top: int = 20
    memory: int = 10**9
    tokenizer: str = "gpt-neox-olmo"
    language: str = "lid176"
    overlap_ngram: int = 13
    max_document_bytes: int = MAX_DOCUMENT_BYTES


class Corpus(msgspec.Struct, frozen=True):
    """Shards under one name. of_run: by address, those that a run curated; runs: work directories,
    with the last stage of each that counts."""

    name: str
    inputs: tuple[Input, ...]
    reading: Reading
    of_run: dict[str, OfRun] = {}
    runs: dict[str, Stage] = {}

    def shards(self, max_document_bytes: int) -> Iterator[CorpusShard]:
        """What tasks are told of each."""
        for one in self.inputs:
            reading = msgspec.structs.replace(self.reading, format=one.format)
            of_run = self.of_run.get(one.uri)
            yield CorpusShard(self.name, one.key, one.uri, reading, max_document_bytes, of_run)


def gram_table(size: int) -> str:
    """The name of the table of n-grams of so many words."""
    return f"ngrams.{size}"


def table_sizes(settings: Settings) -> dict[str, Size]:
    """Every table by name, all of one capacity.

    A worker holds a table of 16 bytes a slot, 4 slots for 3 keys, its sample, 8 slots for 3 keys
    and twice as many keys as it has in the end, and of a shard of over 2**32 words a summary of 24
    bytes a key; who merges holds two of these, of the corpus and of all corpora, and for one table
    at a time what is merged. Raises UserError where the memory is too little for that.
    """
    parts = settings.parts
    names = [gram_table(size) for size in settings.ngrams] if "ngrams" in parts else []
    names += [DOCUMENTS] if "duplicates" in parts else []
    names += [URLS, DOMAINS, DOMAIN_BYTES] if "urls" in parts else []
    each, fixed = A_TABLE * len(names) + ONCE, ROWS_BEHIND * len(names)
    capacity = (settings.memory - fixed) // each
    if capacity < SMALLEST_CAPACITY:
        least = SMALLEST_CAPACITY * each + fixed
        raise UserError(f"--memory: {len(names)} tables need {least / 1e6:.1f} MB and more")
    sample = min(LARGEST_SAMPLE, capacity // 8)
    sizes = {name: Size(capacity, sample) for name in names}
    if "overlap" in parts:
        sizes[OVERLAP] = Size(sample, sample, heavy=False)
    return sizes


def chosen_parts(wanted: str | None, unwanted: str | None) -> tuple[Part, ...]:
    """The parts that --with and --without name, apart by commas. Raises UserError."""
    only = _named("--with", wanted) if wanted is not None else set(PARTS)
    without = _named("--without", unwanted) if unwanted is not None else set()
    return tuple(part for part in PARTS if part in only - without)


def _named(option: str, value: str) -> set[str]:
    names = {name.strip() for name in value.split(",")} - {""}
    for name in sorted(names):
        if name not in PARTS:
            raise UserError(f"{option}: unknown part '{name}'{nearest(name, PARTS)}")
    return names
