"""A corpus of any size from a real one: documents are new combinations of its sentences.

No document repeats another, and no stretch is longer than LONGEST bytes: near copies are rare, also
where a sentence occurs in many documents.
"""

import random
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

from benchmarks.corpus import Corpus
from dolma_pipe.engine.base import Engine, Task, succeed
from dolma_pipe.errors import InputError
from dolma_pipe.work import atomic_write

SHORTEST, LONGEST = 30, 200
"""Bytes of a sentence that is used."""

SENTENCE = re.compile(r"[A-Z][^.!?\n]{28,}[.!?](?=\s|$)")
LETTERS = re.compile(r"[^\W\d_]")
LEAST_LETTERS = 0.7
POOL = 40_000
"""Sentences of a source, evenly spread over it; so many keep every word table busy."""

FEWEST = 1_000
"""A source with fewer sentences, such as one of programs, is left out."""


class Sizes(msgspec.Struct, frozen=True):
    """Bytes of documents: log-normal around `median`, within [least, most]."""

    median: int
    spread: float
    least: int
    most: int


SHORT = Sizes(720, 0.2, 500, 1_000)
NATURAL = Sizes(1_700, 1.0, 300, 60_000)
"""Mean 2.8 kB: as web pages are, with a tail."""


class Made(msgspec.Struct, frozen=True):
    """A corpus in dolma's layout: what is there, and how many bytes of text it has."""

    folder: str
    shards: int
    documents: int
    bytes: int


class _Part(msgspec.Struct, frozen=True):
    """One shard to make. documents, bytes: stop at either, 0 for no bound."""

    pool: str
    out: str
    seed: int
    sizes: Sizes
    documents: int
    bytes: int


def sentences(texts: Iterable[str]) -> list[str]:
    """Sentences of prose, each once, of SHORTEST to LONGEST bytes."""
    found: dict[str, None] = {}
    for text in texts:
        for sentence in SENTENCE.findall(text):
            size = len(sentence.encode())
            if not SHORTEST <= size <= LONGEST or "  " in sentence:
                continue
            if len(LETTERS.findall(sentence)) >= LEAST_LETTERS * len(sentence):
                found[sentence] = None
    return list(found)


def write_pools(corpus: Corpus, folder: Path) -> dict[str, Path]:
    """The sentences of each source, a file each; sources with few are left out.

    Raises InputError where none has enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pools = {}
    for source in corpus.sources:
        found = sentences(corpus.texts_of(source))
        if len(found) >= FEWEST:
            pools[source] = folder / f"{source}.json"
            kept = found[:: max(1, len(found) // POOL)]
            pools[source].write_bytes(msgspec.json.encode(kept))
    if not pools:
        raise InputError(f"{corpus.folder}: no source has {FEWEST:,} sentences to recombine")
    return pools


def make(
    pools: dict[str, Path],
    folder: Path,
    engine: Engine,
    *,
    shards: int,
    sizes: Sizes,
    documents: int = 0,
    total_bytes: int = 0,
    seed: int = 1,
) -> Made:
    """shards in turn of the sources; documents: of a shard; total_bytes: of all, where given."""
    names = sorted(pools)
    tasks = []
    for number in range(shards):
        source = names[number % len(names)]
        out = folder / source / "documents" / f"{source}-{number:06d}.jsonl.zst"
        own = total_bytes // shards
        part = _Part(str(pools[source]), str(out), seed * 10**6 + number, sizes, documents, own)
        tasks.append(Task(str(number), msgspec.to_builtins(part)))
    made = succeed(engine.map("benchmarks.recombine:make_shard", tasks)).values()
    return Made(str(folder), shards, sum(m[0] for m in made), sum(m[1] for m in made))


def make_shard(args: dict[str, Any]) -> tuple[int, int]:
    """Task: one shard; documents and bytes of text."""
    part = msgspec.convert(args, _Part)
    rows, size, name = [], 0, Path(part.out).name.partition(".")[0]
    for number, text in enumerate(_texts(part)):
        size += len(text.encode())
        row = {"id": f"{name}-{number}", "text": text, "source": "recombined"}
        rows.append(msgspec.json.encode(row))
    with atomic_write(Path(part.out), durable=False) as file:
        file.write(zstandard.ZstdCompressor(3).compress(b"\n".join(rows) + b"\n"))
    return len(rows), size


def _texts(part: _Part) -> Iterator[str]:
    pool, weights = _pool(part.pool)
    draw, numbers = random.Random(part.seed), np.random.default_rng(part.seed)
    made = written = 0
    while (not part.documents or made < part.documents) and (
        not part.bytes or written < part.bytes
    ):
        drawn = numbers.lognormal(np.log(part.sizes.median), part.sizes.spread)
        wanted = int(min(max(drawn, part.sizes.least), part.sizes.most))
        chosen = draw.choices(pool, k=max(1, round(wanted / weights)))
        for place in range(4, len(chosen), 5):
            chosen[place] += "\n"
        text = " ".join(chosen).replace("\n ", "\n")
        made, written = made + 1, written + len(text.encode())
        yield text


@lru_cache(maxsize=32)
def _pool(path: str) -> tuple[list[str], float]:
    """The sentences and the mean bytes of one, with the space behind it."""
    pool = msgspec.json.decode(Path(path).read_bytes(), type=list[str])
    return pool, sum(len(sentence.encode()) + 1 for sentence in pool) / len(pool)
