"""Pack token arrays into instances of equal size: makes a plan beside them, and moves no token.

concatenate: all documents end to end, cut every `length` tokens; windows share a token. best-fit:
whole documents, the longest first, each into the fullest instance that has room (Ding et al. 2024,
"Fewer Truncations Improve Language Modeling"). padded: a document an instance.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import msgspec
import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.kernels.jit import I64, U32, U64
from dolma_pipe.kernels.packing import pack_best_fit, shuffle_instances
from dolma_pipe.stages.keyed import key_of
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.tokens.packing_plan import (
    ARRAYS,
    FOLDER,
    INSTANCES,
    PLAN,
    STARTS,
    TOKENS,
    Long,
    Method,
    PackingCounts,
    PackingPlan,
    document_borders,
    manifest_sha256,
    placed_shards,
    remove_plan,
)
from dolma_pipe.work import atomic_write, write_json

MAX_LENGTH = 1 << 24
GROUP = 1 << 24
"""Pieces that are packed together, in less than 1 GB of memory. A larger corpus is packed in parts,
which costs it about an instance each."""

SLICE = 1 << 20
Array = TypeVar("Array", U32, I64)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class PackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to pack.

    length: targets of an instance, which has one token more. long: what becomes of a document of
    more than length + 1 tokens: pieces that are packed one by one (fragment, the default), or its
    beginning only. source: this one only. name: of the plan, made from the settings where absent.
    seed: of the order, that of the arrays where absent.
    """

    length: int
    method: Method = "best-fit"
    long: Long | None = None
    source: str | None = None
    name: str | None = None
    seed: int | None = None


class PlannedPacking(msgspec.Struct):
    """What `dolma-pipe tokens pack` tells: the plan, and where it lies."""

    folder: Path
    plan: PackingPlan


class _Pieces(NamedTuple):
    """starts: uint64[pieces], positions. tokens: uint32[pieces]."""

    starts: U64
    tokens: U32


class _Packed(msgspec.Struct):
    """What a plan says of what it holds: groups and arrays as in PackingPlan."""

    counts: PackingCounts
    groups: tuple[int, ...] = ()
    arrays: dict[str, str] = {}


class _Lengths(msgspec.Struct):
    """What is counted on the way through the documents.

    long: documents of more tokens than the capacity; over: how many tokens more.
    """

    documents: int = 0
    tokens: int = 0
    long: int = 0
    over: int = 0


def pack(folder: Path, settings: PackSettings) -> tuple[str, PackingPlan]:
    """Write a plan of the token arrays in folder; returns its name. One of that name is replaced.

    Raises TokensError where there is nothing to pack, or a setting does not fit.
    """
    name = _checked_name(settings)
    arrays = TokenArrays(folder)
    shards = list(placed_shards(arrays, settings.source))
    if not shards:
        raise TokensError(f"no documents to pack in {folder}")
    stamp = manifest_sha256(folder)
    remove_plan(folder, name)
    try:
        plan = _plan(arrays, stamp, settings, folder / FOLDER / name, shards[0][0])
        write_json(folder / FOLDER / name / PLAN, plan)
    except BaseException:
        remove_plan(folder, name)
        raise
    return name, plan


def _plan(
    arrays: TokenArrays, stamp: str, settings: PackSettings, place: Path, first_token: int
) -> PackingPlan:
    seed, long = settings.seed, None
    if seed is None:
        seed = arrays.manifest.seed
    if settings.method == "concatenate":
        packed = _Packed(_cut_stream(arrays, settings, first_token))
    else:
        long = settings.long or "fragment"
        packed = _pack_pieces(arrays, settings, seed, place)
    return PackingPlan(
        method=settings.method,
        length=settings.length,
        capacity=settings.length + 1,
        long=long,
        seed=seed,
        source=settings.source,
        tokens_manifest_sha256=stamp,
        first_token=first_token,
        counts=packed.counts,
        groups=packed.groups,
        arrays=packed.arrays,
    )


def _checked_name(settings: PackSettings) -> str:
    if not 1 <= settings.length <= MAX_LENGTH:
        raise TokensError(f"length {settings.length}: 1 to {MAX_LENGTH} targets an instance")
    if settings.method == "concatenate" and settings.long is not None:
        raise TokensError("long documents are cut where a window ends: concatenate has no long")
    parts = [settings.method, str(settings.length)]
    parts += ["truncate"] if settings.long == "truncate" else []
    parts += [settings.source] if settings.source else []
    name = "-".join(parts) if settings.name is None else settings.name
    if not NAME.fullmatch(name):
        raise TokensError(f"name {name!r} of a plan: letters, digits, - and _ only")
    return name


def _cut_stream(arrays: TokenArrays, settings: PackSettings, first: int) -> PackingCounts:
    """Windows of all documents end to end. What is left at the end is an instance with padding."""
    documents = tokens = split = 0
    for borders in document_borders(arrays, settings.source):
        starts, lasts = borders[:-1] - first, borders[1:] - first - 1
        split += int((lasts > (starts // settings.length + 1) * settings.length).sum())
        documents += len(starts)
        tokens = int(lasts[-1]) + 1
    instances = max(1, -(-(tokens - 1) // settings.length))
    return PackingCounts(
        documents=documents,
        tokens=tokens,
        instances=instances,
        pieces=instances,
        split_documents=split,
        truncated_documents=0,
        truncated_tokens=0,
        overlap=instances - 1,
        padding=instances * settings.length + 1 - tokens,
    )


def _pack_pieces(arrays: TokenArrays, settings: PackSettings, seed: int, place: Path) -> _Packed:
    """Pack documents group by group; each group's instances follow those of the one before."""
    lengths, groups, pieces = _Lengths(), [], 0
    with ExitStack() as files:
        opened = {file: files.enter_context(atomic_write(place / file)) for file in ARRAYS}
        written = {file: _Hashed(opened[file]) for file in ARRAYS}
        written[INSTANCES].write(np.zeros(1, np.int64))
        for number, group in enumerate(_groups(_blocks(arrays, settings, lengths))):
            key = np.uint64(key_of(seed, "pack", number))
            order, offsets = shuffle_instances(*_instances(group, settings), key)
            for chosen in _slices(order):
                written[STARTS].write(group.starts[chosen])
                written[TOKENS].write(group.tokens[chosen])
            for ends in _slices(offsets[1:]):
                written[INSTANCES].write(ends + pieces)
            groups.append(len(offsets) - 1)
            pieces += len(order)
    counts = _counts(lengths, settings, sum(groups), pieces)
    return _Packed(counts, tuple(groups), {file: array.sha256 for file, array in written.items()})


def _instances(group: _Pieces, settings: PackSettings) -> tuple[U32, int]:
    if settings.method == "best-fit":
        return pack_best_fit(group.tokens, settings.length + 1)
    return np.arange(len(group.tokens), dtype=np.uint32), len(group.tokens)


def _counts(
    lengths: _Lengths, settings: PackSettings, instances: int, pieces: int
) -> PackingCounts:
    truncates = settings.long == "truncate"
    dropped = lengths.over if truncates else 0
    return PackingCounts(
        documents=lengths.documents,
        tokens=lengths.tokens,
        instances=instances,
        pieces=pieces,
        split_documents=0 if truncates else lengths.long,
        truncated_documents=lengths.long if truncates else 0,
        truncated_tokens=dropped,
        overlap=0,
        padding=instances * (settings.length + 1) - lengths.tokens + dropped,
    )


def _blocks(arrays: TokenArrays, settings: PackSettings, lengths: _Lengths) -> Iterator[_Pieces]:
    """Documents as pieces of at most the capacity, in order; counts them in lengths."""
    capacity = settings.length + 1
    for borders in document_borders(arrays, settings.source):
        starts, tokens = borders[:-1], np.diff(borders)
        lengths.documents += len(tokens)
        lengths.tokens += int(tokens.sum())
        lengths.long += int((tokens > capacity).sum())
        lengths.over += int(np.maximum(tokens - capacity, 0).sum())
        if settings.long != "truncate":
            pieces = -(-tokens // capacity)
            before = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
            starts = np.repeat(starts, pieces) + before * capacity
            tokens = np.repeat(tokens, pieces) - before * capacity
        yield _Pieces(starts.astype(np.uint64), np.minimum(tokens, capacity).astype(np.uint32))


def _groups(blocks: Iterator[_Pieces]) -> Iterator[_Pieces]:
    """Blocks put together until they are GROUP pieces."""
    held: list[_Pieces] = []
    for block in blocks:
        held.append(block)
        if sum(len(one.tokens) for one in held) >= GROUP:
            yield _joined(held)
    if held:
        yield _joined(held)


def _joined(held: list[_Pieces]) -> _Pieces:
    joined = _Pieces(*(np.concatenate(arrays) for arrays in zip(*held, strict=True)))
    held.clear()
    return joined


def _slices(values: Array) -> Iterator[Array]:
    for start in range(0, len(values), SLICE):
        yield values[start : start + SLICE]


class _Hashed:
    """A little-endian array that is written piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, values: I64 | U64 | U32) -> None:
        content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        self._hash.update(content)
        self._file.write(content)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
