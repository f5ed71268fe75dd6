"""Tokens a byte of each source, to tell deduplication in tokens: an estimate, never in a file."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.assets import ASSETS, cached_path
from dolma_pipe.curated import read_texts
from dolma_pipe.cuts import Cuts, read_cuts
from dolma_pipe.errors import UserError
from dolma_pipe.kernels.jit import I64
from dolma_pipe.manifest import read_record
from dolma_pipe.recipe import Recipe
from dolma_pipe.tokenizer import EncoderFailed, Tokenizer, load_tokenizer
from dolma_pipe.work import Work, exists, held

SAMPLED_SHARDS, SAMPLED_DOCUMENTS, SAMPLED_BYTES = 3, 50, 1 << 18
"""What is encoded of a source where the run has not encoded it: shards, and survivors of each."""


class Rates(NamedTuple):
    """Tokens a byte by source. origin: counted in encoded/, or in a sample of survivors; or why
    there is neither.

    A source of which nothing is left has the mean of the others.
    """

    by_source: dict[str, float]
    origin: Literal["encoded", "sample"] | None
    missing: str = ""


def token_rates(work: Work, keys: Iterable[str], recipe: Recipe | None) -> Rates:
    """Of the sources of these shards; empty where nothing is encoded and no tokenizer at hand."""
    by_source: dict[str, list[str]] = {}
    for key in sorted(keys):
        by_source.setdefault(key.partition("/")[0], []).append(key)
    encoded = {source: _encoded(work, listed) for source, listed in by_source.items()}
    if any(count.bytes for count in encoded.values()):
        return Rates(_rates(encoded), "encoded")
    tokenizer = _tokenizer(recipe)
    if tokenizer is None:
        return Rates({}, None, _missing(recipe))
    sampled = {source: _sampled(work, listed, tokenizer) for source, listed in by_source.items()}
    return Rates(_rates(sampled), "sample")


class _Count(NamedTuple):
    tokens: int
    bytes: int


def _rates(counts: dict[str, _Count]) -> dict[str, float]:
    tokens = sum(count.tokens for count in counts.values())
    mean = tokens / max(1, sum(count.bytes for count in counts.values()))
    return {s: count.tokens / count.bytes if count.bytes else mean for s, count in counts.items()}


def _encoded(work: Work, keys: Iterable[str]) -> _Count:
    """Of shards that are encoded as they are now."""
    tokens = size = 0
    for key in keys:
        record = read_record(work, "encode", key)
        rows, cuts = _survivors(work, key)
        if record is None or record.counts.get("documents") != len(rows):
            continue
        tokens += record.counts["tokens"]
        lengths = _lengths(work, key)
        size += int(lengths[rows].sum()) - (int(cuts.lengths().sum()) if cuts else 0)
    return _Count(tokens, size)


def _sampled(work: Work, keys: list[str], tokenizer: Tokenizer) -> _Count:
    places = np.unique(np.linspace(0, len(keys) - 1, SAMPLED_SHARDS).astype(int)).tolist()
    tokens = size = 0
    for key in (keys[place] for place in places):
        rows, cuts = _survivors(work, key)
        lengths = _lengths(work, key)
        fits = np.cumsum(lengths[rows]) <= SAMPLED_BYTES
        some = rows[: max(1, min(SAMPLED_DOCUMENTS, int(fits.sum())))]
        for texts in read_texts(work.curated(key), some, cuts):
            try:
                ids = tokenizer.encode(texts.text, texts.offsets).ids
            except EncoderFailed:
                continue
            tokens += len(ids)
            size += len(texts.text)
    return _Count(tokens, size)


def _lengths(work: Work, key: str) -> I64:
    with held(work.columns(key)) as file:
        return np.asarray(pq.read_table(file, columns=["length"]).column(0).to_numpy())


def _survivors(work: Work, key: str) -> tuple[I64, Cuts | None]:
    with held(work.removed(key)) as file:
        removed = np.fromfile(file, np.uint8)
    cuts = read_cuts(work.cuts(key), len(removed)) if exists(work.cuts(key)) else None
    return np.flatnonzero(removed == 0), cuts


def _missing(recipe: Recipe | None) -> str:
    if recipe is None:
        return "the recipe cannot be read"
    if recipe.tokenize is None:
        return "the recipe has no tokenize section"
    return f"{recipe.tokenize.tokenizer} is not at hand"


def _tokenizer(recipe: Recipe | None) -> Tokenizer | None:
    """The recipe's, where it need not be fetched."""
    if recipe is None or recipe.tokenize is None:
        return None
    name = recipe.tokenize.tokenizer
    if name in ASSETS and cached_path(name) is None:
        return None
    try:
        return load_tokenizer(name, recipe.tokenize.eos)
    except UserError:
        return None
