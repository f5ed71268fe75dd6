"""Held-out arrays on which both models are measured: no document that either was trained on."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from dolma_pipe.ablation.overlap import Ids, seen_share
from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import (
    BESIDE,
    TokenArrays,
    TokenShard,
    source_of,
    verify,
    write_manifest,
    write_tokens,
)
from dolma_pipe.tokens.rows import Row, read_rows
from dolma_pipe.work import atomic_folder

SEEN = 0.5
"""A document of whose n-grams a training set has this share was trained on, or nearly so."""
LOOKED_AT = 4
"""Times the tokens that are wanted of a source, as some documents are left out."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """looked_at = kept + too_short + seen + not_needed, documents. seen_by: those of `seen`, by
    the recipe whose training set has them; some are in both."""

    looked_at: int
    kept: int
    too_short: int
    seen: int
    seen_by: dict[str, int]
    not_needed: int


class Yardstick(NamedTuple):
    name: str
    folder: Path
    fate: Fate

    def content(self) -> list[tuple[str, list[str]]]:
        """The same for two that hold the same tokens."""
        sources = TokenArrays(self.folder).sources()
        return [(source.name, [shard.sha256 for shard in source.shards]) for source in sources]


class _Document(NamedTuple):
    source: str
    ids: Ids
    row: Row


def make_yardstick(
    name: str, arrays: TokenArrays, trained: dict[str, TokenArrays], most: int, out: Path
) -> Yardstick:
    """Write to `out` the first documents of each source, up to `most` tokens, that no training set
    has; trained: by label. Raises TokensError for damaged arrays, and where nothing is left.
    """
    if problems := verify(arrays):
        raise TokensError(f"{arrays.name}: {problems[0]}")
    documents = list(_first(arrays, LOOKED_AT * most))
    if not documents:
        raise TokensError(f"{arrays.name}: no documents to measure on: a larger share is needed")
    borders = np.cumsum([0, *(len(document.ids) for document in documents)])
    ids = np.concatenate([document.ids for document in documents])
    shares = {label: seen_share(ids, borders, of) for label, of in trained.items()}
    seen = {label: share >= SEEN for label, share in shares.items()}
    short = np.isnan(next(iter(shares.values())))
    unseen = ~short & ~np.any(list(seen.values()), axis=0)
    kept = list(_within(documents, np.flatnonzero(unseen).tolist(), most))
    fate = Fate(
        looked_at=len(documents),
        kept=len(kept),
        too_short=int(short.sum()),
        seen=int((~short & ~unseen).sum()),
        seen_by={label: int(of.sum()) for label, of in seen.items()},
        not_needed=int(unseen.sum()) - len(kept),
    )
    if not kept:
        told = f"{fate.seen} of {fate.looked_at} documents are in the training sets, too"
        raise TokensError(f"{arrays.name}: nothing is left to measure on: {told}")
    shutil.rmtree(out, ignore_errors=True)
    _write(arrays, kept, out)
    return Yardstick(name, out, fate)


def _first(arrays: TokenArrays, most: int) -> Iterator[_Document]:
    """Of each source documents until so many tokens are reached."""
    for source in arrays.sources():
        left = most
        for shard in source.shards if left > 0 else ():
            ids = arrays.ids(shard)
            borders = pairwise(arrays.offsets(shard).tolist())
            rows = read_rows(arrays.rows_file(shard))
            for (start, end), row in zip(borders, rows, strict=False):
                if left <= 0:
                    break
                left -= end - start
                yield _Document(source.name, np.array(ids[start:end]), row)


def _within(documents: list[_Document], numbers: list[int], most: int) -> Iterator[_Document]:
    """Of each source until `most` tokens are reached."""
    taken: dict[str, int] = {}
    for number in numbers:
        document = documents[number]
        if taken.get(document.source, 0) < most:
            taken[document.source] = taken.get(document.source, 0) + len(document.ids)
            yield document


def _write(arrays: TokenArrays, documents: list[_Document], out: Path) -> None:
    manifest = arrays.manifest
    with atomic_folder(out) as folder:
        sources = []
        for name in dict.fromkeys(document.source for document in documents):
            of_source = [document for document in documents if document.source == name]
            sources.append(source_of(name, [_shard(arrays, of_source, folder, name)]))
        for file in BESIDE:
            if arrays.path(file).is_file():
                shutil.copyfile(arrays.path(file), folder / file)
        write_manifest(
            folder,
            msgspec.structs.replace(
                manifest,
                sources=tuple(sources),
                documents=sum(source.documents for source in sources),
                tokens=sum(source.tokens for source in sources),
                counts={},
                chat=None,
            ),
        )


def _shard(arrays: TokenArrays, documents: list[_Document], folder: Path, name: str) -> TokenShard:
    manifest = arrays.manifest
    prefix = folder / name / "part-00000"
    with write_tokens(prefix, arrays.dtype, manifest.vocab_size, manifest.eos_id) as writer:
        for document in documents:
            writer.add(document.ids, document.row.id, document.row.src, document.row.loc)
    return writer.shard(f"{name}/part-00000.npy")
