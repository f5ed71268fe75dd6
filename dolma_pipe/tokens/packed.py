"""Read instances as a packing plan put them together: ids, padded, and where documents end."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays, mapped
from dolma_pipe.tokens.packing_plan import (
    ARRAYS,
    FOLDER,
    INSTANCES,
    STARTS,
    TOKENS,
    PackingPlan,
    Positions,
    read_plan,
)
from dolma_pipe.tokens.segments import Loss, Side, masks_by_offsets, segments_by_eos
from dolma_pipe.tokens.stream import Pieces, TokenStream

Ids = npt.NDArray[np.int32]


class Stretch(NamedTuple):
    """Tokens start to end of one file of the arrays."""

    file: str
    start: int
    end: int


class PackedBatch(NamedTuple):
    """ids: int32[instances, capacity], padded. segments: int32 of the same shape, the number of the
    document within its instance, from 0; PADDING where there is no token. loss: uint8 of the same
    shape, 1 where a token is a target, 0 in padding; None where no shard has a mask: all are.

    Input is ids[:, :-1], target ids[:, 1:]; a document sees only itself where segments are equal.
    """

    ids: Ids
    segments: Ids
    loss: Loss | None = None


def sequence_offsets(segments: Ids) -> Ids:
    """The cu_seqlens of flash attention, int32[sequences + 1], over the rows end to end.

    segments: those of a batch, or of its input [:, :-1]. Padding is a sequence of its own.
    """
    first = np.ones(segments.shape, np.bool_)
    first[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return np.append(np.flatnonzero(first), segments.size).astype(np.int32)


class PackedTokens:
    """The instances of one packing plan of some token arrays, by number; len() is how many."""

    def __init__(self, arrays: TokenArrays | Path | str, name: str, *, check: bool = True) -> None:
        """check: read the arrays of the plan once and compare them with their sha256 (1 GB/s).

        Raises TokensError where the plan is of other token arrays, or its own are damaged.
        """
        self.arrays = arrays if isinstance(arrays, TokenArrays) else TokenArrays(arrays)
        self.plan: PackingPlan = read_plan(self.arrays, name)
        self.folder = self.arrays.folder / FOLDER / name
        counts, manifest = self.plan.counts, self.arrays.manifest
        self.pad_id = manifest.eos_id if manifest.pad_id is None else manifest.pad_id
        self._shards = self.arrays.shards()
        self._stream = TokenStream(
            [shard.tokens for shard in self._shards],
            lambda number: self.arrays.ids(self._shards[number]),
        )
        self._sides: dict[int, Side] = {}
        self._masked = any(shard.loss_sha256 is not None for shard in self._shards)
        if self.plan.method != "concatenate":
            self.starts = self._array(STARTS, counts.pieces, check)
            self.tokens = self._array(TOKENS, counts.pieces, check)
            self.offsets = self._array(INSTANCES, counts.instances + 1, check)

    def __len__(self) -> int:
        return self.plan.counts.instances

    def instance(self, number: int) -> list[Stretch]:
        """Where the tokens of an instance lie, in their order."""
        return [
            Stretch(self._shards[shard].file, start, end)
            for _, shard, start, end in self._stream.stretches(*self.pieces([number])[:2])
        ]

    def batch(self, numbers: npt.ArrayLike) -> PackedBatch:
        """Instances by number. Raises IndexError for one that is not there."""
        pieces = self.pieces(numbers)
        ids = np.empty((len(pieces.counts), self.plan.capacity), np.int32)
        self._stream.gather(pieces, ids, self.pad_id)
        if not self._masked:
            eos_id = self.arrays.manifest.eos_id
            return PackedBatch(ids, segments_by_eos(ids, pieces.used(), eos_id))
        return PackedBatch(
            ids, *masks_by_offsets(self._stream, self._side, pieces, self.plan.capacity)
        )

    def pieces(self, numbers: npt.ArrayLike) -> Pieces:
        """What instances are made of, positions counted through all shards.

        Raises IndexError for an instance that is not there.
        """
        wanted: Positions = np.asarray(numbers, np.int64).reshape(-1)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"instances {wanted.min()} to {wanted.max()} of {len(self)}")
        plan = self.plan
        if plan.method == "concatenate":
            before = wanted * plan.length
            tokens = np.minimum(plan.capacity, plan.counts.tokens - before)
            return Pieces(before + plan.first_token, tokens, np.ones_like(wanted))
        firsts = self.offsets[wanted].astype(np.int64)
        counts = self.offsets[wanted + 1].astype(np.int64) - firsts
        ends = np.cumsum(counts)
        rows = np.arange(counts.sum()) + np.repeat(firsts - (ends - counts), counts)
        return Pieces(
            self.starts[rows].astype(np.int64), self.tokens[rows].astype(np.int64), counts
        )

    def _side(self, shard: int) -> Side:
        if shard not in self._sides:
            loss = self.arrays.loss(self._shards[shard])
            offsets = self.arrays.offsets(self._shards[shard])
            self._sides[shard] = Side(None if loss is None else np.asarray(loss), offsets)
        return self._sides[shard]

    def _array(self, file: str, length: int, check: bool) -> npt.NDArray[Any]:
        path = self.folder / file
        array = mapped(path, ARRAYS[file], length)
        if check and hashlib.sha256(array.data).hexdigest() != self.plan.arrays.get(file):
            raise TokensError(f"{path}: its bytes are not those that were written")
        return np.asarray(array)
