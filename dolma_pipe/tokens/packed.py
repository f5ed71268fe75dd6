"""Read instances as a packing plan put them together: ids, padded, and where documents end."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays, Tokens, mapped
from dolma_pipe.tokens.packing_plan import (
    ARRAYS,
    FOLDER,
    INSTANCES,
    STARTS,
    TOKENS,
    PackingPlan,
    Positions,
    placed_shards,
    read_plan,
)

PADDING = -1
Ids = npt.NDArray[np.int32]
Loss = npt.NDArray[np.uint8]


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


class _Pieces(NamedTuple):
    starts: Positions
    tokens: Positions
    counts: Positions


class _Side(NamedTuple):
    """Of a shard, beside its ids."""

    loss: Loss | None
    offsets: npt.NDArray[np.uint64]


class _Masks:
    """Of a batch some of whose shards have loss masks: what is a target, and where documents start.

    An end of text ends no document there; the start of a piece and the offsets say where one does.
    """

    def __init__(self, shape: tuple[int, ...], pieces: Positions) -> None:
        """pieces: where they start in the batch."""
        self._starts = np.zeros(shape, np.bool_)
        self._starts.reshape(-1)[pieces] = True
        self.loss = np.zeros(shape, np.uint8)

    def add(self, place: int, start: int, end: int, side: "_Side") -> None:
        """Tokens start to end of a shard stand at `place` of the batch; side: of that shard."""
        loss, offsets = side
        self.loss.reshape(-1)[place : place + end - start] = 1 if loss is None else loss[start:end]
        first, last = np.searchsorted(offsets, np.array([start, end], np.uint64))
        self._starts.reshape(-1)[place + (offsets[first:last].astype(np.int64) - start)] = True

    def segments(self, used: Positions) -> Ids:
        """Documents counted in each row, PADDING behind its tokens."""
        self._starts[:, 0] = False
        segments = np.cumsum(self._starts, axis=1, dtype=np.int32)
        for row, size in zip(segments, used.tolist(), strict=True):
            row[size:] = PADDING
        return segments


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
        placed = list(placed_shards(self.arrays))
        self._shards = [shard for _, shard in placed]
        self._firsts = np.array([first for first, _ in placed], np.int64)
        self._opened: dict[int, Tokens] = {}
        self._sides: dict[int, _Side] = {}
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
            for _, shard, start, end in self._stretches(*self._pieces(np.array([number]))[:2])
        ]

    def batch(self, numbers: npt.ArrayLike) -> PackedBatch:
        """Instances by number. Raises IndexError for one that is not there."""
        starts, tokens, counts = self._pieces(np.asarray(numbers, np.int64).reshape(-1))
        ids = np.full((len(counts), self.plan.capacity), self.pad_id, np.int32)
        flat = ids.reshape(-1)
        ends = np.cumsum(tokens)
        used = np.diff(ends[np.cumsum(counts) - 1], prepend=0)
        padding = np.cumsum(self.plan.capacity - used) - (self.plan.capacity - used)
        free = ends - tokens + np.repeat(padding, counts)
        masks = _Masks(ids.shape, free) if self._masked else None
        places = free.tolist()
        for piece, shard, start, end in self._stretches(starts, tokens):
            place = places[piece]
            places[piece] += end - start
            flat[place : places[piece]] = self._ids(shard)[start:end]
            if masks is not None:
                masks.add(place, start, end, self._side(shard))
        if masks is None:
            return PackedBatch(ids, self._segments(ids, used))
        return PackedBatch(ids, masks.segments(used), masks.loss)

    def _segments(self, ids: Ids, used: Positions) -> Ids:
        """A segment starts after each end of text: a piece without one fills its instance."""
        segments = np.zeros(ids.shape, np.int32)
        ends = ids[:, :-1] == self.arrays.manifest.eos_id
        np.cumsum(ends, axis=1, out=segments[:, 1:])
        for row, size in zip(segments, used.tolist(), strict=True):
            row[size:] = PADDING
        return segments

    def _pieces(self, numbers: Positions) -> _Pieces:
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"instances {numbers.min()} to {numbers.max()} of {len(self)}")
        plan = self.plan
        if plan.method == "concatenate":
            before = numbers * plan.length
            tokens = np.minimum(plan.capacity, plan.counts.tokens - before)
            return _Pieces(before + plan.first_token, tokens, np.ones_like(numbers))
        firsts = self.offsets[numbers].astype(np.int64)
        counts = self.offsets[numbers + 1].astype(np.int64) - firsts
        ends = np.cumsum(counts)
        rows = np.arange(counts.sum()) + np.repeat(firsts - (ends - counts), counts)
        return _Pieces(
            self.starts[rows].astype(np.int64), self.tokens[rows].astype(np.int64), counts
        )

    def _stretches(
        self, starts: Positions, tokens: Positions
    ) -> Iterator[tuple[int, int, int, int]]:
        """Piece, shard, start and end in it; a piece goes on in the shards that follow."""
        shards = np.searchsorted(self._firsts, starts, "right") - 1
        inside = starts - self._firsts[shards]
        rows = zip(shards.tolist(), inside.tolist(), tokens.tolist(), strict=True)
        for piece, (shard, start, left) in enumerate(rows):
            while left:
                end = min(start + left, self._shards[shard].tokens)
                yield piece, shard, start, end
                shard, left, start = shard + 1, left - (end - start), 0

    def _ids(self, shard: int) -> Tokens:
        if shard not in self._opened:
            self._opened[shard] = np.asarray(self.arrays.ids(self._shards[shard]))
        return self._opened[shard]

    def _side(self, shard: int) -> _Side:
        if shard not in self._sides:
            loss = self.arrays.loss(self._shards[shard])
            offsets = self.arrays.offsets(self._shards[shard])
            self._sides[shard] = _Side(None if loss is None else np.asarray(loss), offsets)
        return self._sides[shard]

    def _array(self, file: str, length: int, check: bool) -> npt.NDArray[Any]:
        path = self.folder / file
        array = mapped(path, ARRAYS[file], length)
        if check and hashlib.sha256(array.data).hexdigest() != self.plan.arrays.get(file):
            raise TokensError(f"{path}: its bytes are not those that were written")
        return np.asarray(array)
