"""The keys of a batch: of n-grams, documents, URLs and domains, with the place of each."""

from typing import NamedTuple

import numpy as np
import xxhash

from dolma_pipe.batch import Batch
from dolma_pipe.document import URL_FIELDS, field_of
from dolma_pipe.kernels.frequencies import gram_keys
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.urls import host_of, key_of

LINE_BITS = 40
"""A place is the number of the shard and, in so many low bits, the line."""


class Keys(NamedTuple):
    """keys: uint64, none of them 0; rows: int64, the document of each in the batch."""

    keys: U64
    rows: I64


def places(shard: int, batch: Batch) -> U64:
    """The place of each document of a batch."""
    lines = np.asarray(batch.documents.column("line")).astype(np.uint64)
    return lines + np.uint64(shard << LINE_BITS)


def shard_and_line(place: int) -> tuple[int, int]:
    """What a place says."""
    return place >> LINE_BITS, place & ((1 << LINE_BITS) - 1)


def ngrams(batch: Batch, size: int) -> Keys:
    """Of every n-gram of words, those of a document in the order of its text."""
    words = batch.words
    keys, rows = np.empty(len(words.hashes), np.uint64), np.empty(len(words.hashes), np.int64)
    n = gram_keys(words.hashes, words.offsets, size, keys, rows)
    return Keys(keys[:n], rows[:n])


def texts(batch: Batch) -> Keys:
    """Of every document that has a word, by its exact text."""
    rows = np.flatnonzero(np.diff(batch.words.offsets))
    content, offsets = batch.text.data, batch.offsets.tolist()
    return _keys([content[offsets[d] : offsets[d + 1]] for d in rows.tolist()], rows)


def urls(batch: Batch) -> list[str | None]:
    """The URL of each document, as it stands there; `source` counts where it looks like one."""
    found = [url if is_address(url) else None for url in batch.field(URL_FIELDS[0])]
    raws, sources = batch.documents.column("raw"), batch.documents.column("source")
    for row in [row for row, url in enumerate(found) if url is None]:
        raw, source = raws[row].as_buffer(), sources[row].as_py()
        others = [field_of(raw, name) for name in URL_FIELDS[1:]]
        others += [source] if source and "://" in source else []
        found[row] = next(filter(is_address, others), None)
    return found


def normalised(found: list[str | None]) -> Keys:
    """URLs in one spelling, without scheme and fragment."""
    return _named([key_of(url) if url else None for url in found])


def domains(found: list[str | None]) -> Keys:
    """Their hosts, without www."""
    return _named([host_of(url) if url else None for url in found])


def is_address(value: object) -> bool:
    """Whether what stands in such a field is a URL: its host has a dot, or is an IPv6 address."""
    host = host_of(value) if isinstance(value, str) else None
    return host is not None and ("." in host or host.startswith("["))


def _named(names: list[str | None]) -> Keys:
    rows = np.array([row for row, name in enumerate(names) if name], np.int64)
    return _keys([name.encode(errors="replace") for name in names if name], rows)


def _keys(contents: list[bytes] | list[memoryview], rows: I64) -> Keys:
    hashes = np.array([xxhash.xxh3_64_intdigest(one) for one in contents], np.uint64)
    return Keys(np.maximum(hashes, np.uint64(1)), rows)
