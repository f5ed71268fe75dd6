"""Packing plans, sidecars of token arrays: which tokens an instance of a trainer is made of.

    packed/<name>/plan.json          how it was packed, for which arrays, what came out
    packed/<name>/pieces.start.u64   [pieces] first token, in the concatenation of all shards
    packed/<name>/pieces.tokens.u32  [pieces] tokens
    packed/<name>/instances.u64      [instances + 1] instance i is the pieces from i to i + 1

Positions count the tokens of all shards in the order of the manifest, whatever the plan's source.
Where the method is concatenate there are no arrays: instance i starts at first_token + i * length.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays
from dolma_pipe.tokens.manifest import MANIFEST, TokenShard
from dolma_pipe.work import remove_temporaries

FORMAT = "dolma-pipe packing plan"
VERSION = 1
FOLDER = "packed"
PLAN = "plan.json"
STARTS, TOKENS, INSTANCES = "pieces.start.u64", "pieces.tokens.u32", "instances.u64"
ARRAYS: dict[str, np.dtype[Any]] = {
    STARTS: np.dtype("<u8"),
    TOKENS: np.dtype("<u4"),
    INSTANCES: np.dtype("<u8"),
}

Method = Literal["concatenate", "best-fit", "padded"]
Long = Literal["fragment", "truncate"]
Positions = npt.NDArray[np.int64]


class PackingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """instances * capacity = tokens - truncated_tokens + overlap + padding.

    documents, tokens: what there was to pack. pieces: stretches that are read as one. split: in
    more than one instance. overlap: tokens that are the last of one instance and the first of the
    next, where the method is concatenate. padding: places without a token.
    """

    documents: int
    tokens: int
    instances: int
    pieces: int
    split_documents: int
    truncated_documents: int
    truncated_tokens: int
    overlap: int
    padding: int


class PackingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a reader needs to know beside the arrays.

    length: targets of an instance; capacity: its tokens, one more, since the last has no target.
    first_token: where the plan's source starts. groups: instances of each part of the corpus that
    was packed alone, so that memory does not follow the corpus. arrays: sha256 by file.
    """

    format: str = FORMAT
    version: int = VERSION
    method: Method
    length: int
    capacity: int
    long: Long | None
    seed: int
    source: str | None
    tokens_manifest_sha256: str
    first_token: int
    counts: PackingCounts
    groups: tuple[int, ...] = ()
    arrays: dict[str, str] = {}


def read_plan(arrays: TokenArrays, name: str) -> PackingPlan:
    """Raises TokensError where there is none, or it was made for other arrays than these."""
    path = arrays.folder / FOLDER / name / PLAN
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=PackingPlan)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokensError(f"no packing plan {name} in {arrays.folder}: {error}") from None
    if plan.format != FORMAT or plan.version != VERSION:
        raise TokensError(f"{path} is {plan.format} {plan.version}, not {FORMAT} {VERSION}")
    if plan.tokens_manifest_sha256 != manifest_sha256(arrays.folder):
        raise TokensError(f"{path} was made for other token arrays: pack these again")
    return plan


def plan_names(folder: Path) -> list[str]:
    """Names of what lies in packed/, a plan or the rest of one."""
    return sorted(path.name for path in (folder / FOLDER).glob("*/") if any(path.iterdir()))


def plan_files(folder: Path) -> set[Path]:
    """Files of the plans that were made for the arrays in folder."""
    arrays, files = TokenArrays(folder), set()
    for name in plan_names(folder):
        with suppress(TokensError):
            files |= {
                folder / FOLDER / name / file for file in (PLAN, *read_plan(arrays, name).arrays)
            }
    return files


def remove_stale_plans(folder: Path) -> None:
    """Take away what was made for other arrays than those in folder."""
    current = {path.parent.name for path in plan_files(folder)}
    for name in set(plan_names(folder)) - current:
        remove_plan(folder, name)


def remove_plan(folder: Path, name: str) -> None:
    """The plan first: without it the arrays are nothing. What is not ours stays."""
    place = folder / FOLDER / name
    remove_temporaries(place)
    for file in (PLAN, *ARRAYS):
        (place / file).unlink(missing_ok=True)
    for empty in (place, place.parent):
        with suppress(OSError):
            empty.rmdir()


def manifest_sha256(folder: Path) -> str:
    """What a plan knows its arrays by."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def placed_shards(
    arrays: TokenArrays, source: str | None = None
) -> Iterator[tuple[int, TokenShard]]:
    """Each shard with the position of its first token, of all sources or of one."""
    chosen, first = set(arrays.shards(source)), 0
    for shard in arrays.shards():
        if shard in chosen:
            yield first, shard
        first += shard.tokens


def document_borders(arrays: TokenArrays, source: str | None) -> Iterator[Positions]:
    """Positions of the borders of documents in order, block by block, as TokenArrays.borders."""
    for first, shard in placed_shards(arrays, source):
        for borders in arrays.borders(shard):
            yield borders + first
