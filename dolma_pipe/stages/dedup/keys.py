"""Keys: the numbers by which documents meet that may be copies, a row a document, a table a method.

exact: the two halves of the hash. minhash, ast: a key a band (structure.py makes those of ast).
simhash: the fingerprint.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import xxhash

from dolma_pipe.entries import Entry, Exact, MinHash, SimHash
from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.kernels.minhash import band_keys
from dolma_pipe.kernels.normalise import collapse_white_space
from dolma_pipe.kernels.shingles import shingles_of
from dolma_pipe.kernels.simhash import fingerprints
from dolma_pipe.stages.dedup.banding import banding_of


def key_columns(entry: Entry) -> int:
    """Columns of the keys of an entry."""
    return _COLUMNS[entry.method](entry)


def keys_of(entry: Entry, text: U8, offsets: I64) -> U64:
    """uint64[documents, columns]; all 0 for a document that takes no part."""
    return _KEYS[entry.method](entry, text, offsets)


def _minhash_keys(entry: MinHash, text: U8, offsets: I64) -> U64:
    bands, rows = banding_of(entry)
    return band_keys(text, offsets, entry.shingle, bands, rows, entry.seed)


def _simhash_keys(entry: SimHash, text: U8, offsets: I64) -> U64:
    return fingerprints(text, offsets, entry.shingle).reshape(-1, 1)


def _exact_keys(entry: Exact, text: U8, offsets: I64) -> U64:
    """The halves of xxh3-128; a blank text, or one of no words, is 0, 0 and so equal to none."""
    if entry.normalise == "words":
        words, firsts = shingles_of(text, offsets, np.arange(len(offsets) - 1), 1)
        normal, borders = words.view(np.uint8), firsts * 8
    else:
        normal, borders = collapse_white_space(text, offsets)
    blank = np.diff(borders) == 0
    if entry.normalise == "none":
        normal, borders = text, offsets
    view, places = np.ascontiguousarray(normal).data, borders.tolist()
    digest = xxhash.xxh3_128_digest
    digests = b"".join(digest(view[a:b]) for a, b in pairwise(places))
    keys = np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 2)
    keys[blank] = 0
    return keys


_COLUMNS: dict[str, Callable[[Any], int]] = {
    "exact": lambda _: 2,
    "minhash": lambda entry: banding_of(entry).bands,
    "simhash": lambda _: 1,
    "ast": lambda entry: banding_of(entry).bands,
}
_KEYS: dict[str, Callable[[Any, U8, I64], U64]] = {
    "exact": _exact_keys,
    "minhash": _minhash_keys,
    "simhash": _simhash_keys,
}
