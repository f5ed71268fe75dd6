"""Held-out token arrays as windows: each token of each document is a target exactly once, or, where
there is a loss mask, each token that it lets through."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError, TrainError
from dolma_pipe.tokens import TOKEN_BYTES, TokenArrays, Tokens, TokenShard, verify
from dolma_pipe.train.data import IGNORED

I64 = npt.NDArray[np.int64]
Loss = npt.NDArray[np.uint8]
CHUNK_TOKENS = 1 << 20
OTHERS = ("macro_average", "micro_average", "downstream")
"""What else metrics are named after."""


class Source(NamedTuple):
    """How much of a source is evaluated. tokens: targets, EOS included; bytes: of the text behind
    them."""

    name: str
    documents: int
    tokens: int
    bytes: int


class HeldOut:
    """Windows over whole documents, Paloma's way (Magnusson et al. 2023): a document starts with
    its first token predicted from EOS, and a longer one than `length` is cut into windows that do
    not overlap, the last token of one being the first input of the next. Of conversations only what
    the assistant says is a target, and windows without one are left out.
    """

    def __init__(self, folders: list[Path], length: int, max_documents: int | None = None) -> None:
        """max_documents: of each source, the first so many.

        Raises TokensError where arrays are damaged, TrainError where a source has no text, or where
        what is measured would have the name of something else.
        """
        folders = [held_out_folder(folder) for folder in folders]
        once = {folder.resolve(): folder for folder in folders}
        self.arrays = [_opened(folder) for folder in once.values()]
        self.sources: list[Source] = []
        self._shards: list[tuple[Tokens, Loss | None, int]] = []  # ids, mask and EOS
        parts = [np.empty((0, 6), np.int64)]
        for arrays, source, name in self._named():
            left, counted = max_documents, Source(name, 0, 0, 0)
            for shard in arrays.shards(source):
                borders = _borders(arrays, shard, left)
                left = None if left is None else left - (len(borders) - 1)
                ids, loss = arrays.ids(shard), arrays.loss(shard)
                some = _windows(borders, length, len(self._shards), len(self.sources), loss)
                parts.append(some)
                self._shards.append((ids, loss, arrays.manifest.eos_id))
                text_bytes = _text_bytes(arrays, ids[: borders[-1]], loss)
                counted = _added(counted, borders, int(some[:, 5].sum()), text_bytes)
            if not counted.bytes:
                raise TrainError(f"{arrays.name}: source {source} has no text to evaluate on")
            self.sources.append(counted)
        self._windows = np.concatenate(parts)

    @property
    def lengths(self) -> I64:
        """int64[windows]: inputs of each."""
        return self._windows[:, 2] - self._windows[:, 1]

    @property
    def targets(self) -> I64:
        """int64[windows]: targets of each, at least one."""
        return self._windows[:, 5]

    @property
    def source_numbers(self) -> I64:
        """int64[windows]: which of sources."""
        return self._windows[:, 4]

    def __getitem__(self, number: int) -> tuple[I64, I64]:
        shard, start, end, first, _, _ = self._windows[number].tolist()
        ids, loss, eos = self._shards[shard]
        labels = ids[start:end].astype(np.int64)
        before = eos if first else int(ids[start - 1])
        inputs = np.concatenate(([before], labels[:-1]))
        if loss is not None:
            labels[loss[start:end] == 0] = IGNORED
        return inputs, labels

    def _named(self) -> list[tuple[TokenArrays, str, str]]:
        """Arrays, source, and what it is called: with its folder where two have the same name."""
        found = [(arrays, source.name) for arrays in self.arrays for source in arrays.sources()]
        taken = [*OTHERS, *(name for _, name in found)]
        told = [
            (arrays, name, name if taken.count(name) == 1 else f"{name}@{_flat(arrays.folder)}")
            for arrays, name in found
        ]
        names = [name for *_, name in told]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise TrainError(f"two sources would be called {twice}: rename a folder")
        return told


def held_out_folder(given: Path) -> Path:
    """The arrays that a folder stands for: itself, or held_out/ in a work directory."""
    inside = given / "held_out"
    return inside if inside.is_dir() and not (given / TOKEN_BYTES).exists() else given


def _opened(folder: Path) -> TokenArrays:
    arrays = TokenArrays(folder)
    if not arrays.sources():
        raise TrainError(f"{arrays.name}: nothing is held out: there is no document in it")
    if problems := verify(arrays):
        raise TokensError(f"{arrays.name}: {problems[0]}")
    return arrays


def _flat(folder: Path) -> str:
    """Metric names are split at slashes."""
    return folder.as_posix().strip("/").replace("/", "_")


def _borders(arrays: TokenArrays, shard: TokenShard, most: int | None) -> I64:
    """int64[documents + 1] of the first `most` documents."""
    offsets = arrays.offsets(shard).astype(np.int64)
    return offsets if most is None else offsets[: most + 1]


def _windows(borders: I64, length: int, shard: int, source: int, loss: Loss | None) -> I64:
    """int64[windows, 6]: shard, start, end, whether a document starts there, source, targets."""
    counts = -(-np.diff(borders) // length)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(borders[:-1], counts) + within * length
    ends = np.minimum(starts + length, np.repeat(borders[1:], counts))
    targets: I64 = ends - starts
    if loss is not None:
        targets = np.add.reduceat(loss[: borders[-1]], starts, dtype=np.int64)
    same = np.ones(len(starts), np.int64)
    columns = (shard * same, starts, ends, within == 0, source * same, targets)
    found: I64 = np.stack(columns, axis=1)[targets > 0]
    return found


def _text_bytes(arrays: TokenArrays, ids: Tokens, loss: Loss | None) -> int:
    """Of all tokens, or of those that are targets."""
    sizes, total = np.asarray(arrays.token_bytes()), 0
    for i in range(0, len(ids), CHUNK_TOKENS):
        some = ids[i : i + CHUNK_TOKENS]
        if loss is not None:
            some = some[loss[i : i + len(some)] != 0]
        total += int(sizes[some].sum(dtype=np.int64))
    return total


def _added(source: Source, borders: I64, targets: int, text_bytes: int) -> Source:
    return Source(
        source.name,
        source.documents + len(borders) - 1,
        source.tokens + targets,
        source.bytes + text_bytes,
    )
