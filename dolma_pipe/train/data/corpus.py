"""Arrays end to end, whoever wrote them: what an instance is cut out of."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError, TrainError
from dolma_pipe.tokens import LOSS, TokenArrays, TokenizerStamp, Tokens, TokenStream
from dolma_pipe.tokens.arrays import CHUNK_TOKENS
from dolma_pipe.tokens.rows import Row
from dolma_pipe.tokens.segments import Side

SAMPLES = 64
SAMPLED_TOKENS = 1 << 14
MOST_THREADS = 8
CHANGED = "its bytes are not those that were written (data.check: false would train on them)"

Borders = npt.NDArray[np.int64]


class Part(NamedTuple):
    """One array. name: as errors call it. sha256: of its bytes, where a manifest tells it.

    borders: where documents begin and end, int64[documents + 1], some at a time. rows: where
    documents come from. None where nobody says. side, loss_sha256: where some array of the corpus
    has a loss mask, and of this one's.
    """

    name: str
    source: str
    ids: Tokens
    sha256: str | None = None
    borders: Callable[[], Iterator[Borders]] | None = None
    rows: Callable[[], Iterator[Row] | None] | None = None
    side: Side | None = None
    loss_sha256: str | None = None

    def digest(self) -> str:
        """sha256 of the content as the manifest tells it; else of its size and a sample of it."""
        if self.sha256 is not None:
            return f"{self.sha256} {self.loss_sha256}" if self.loss_sha256 else self.sha256
        size, loss = len(self.ids), self.side.loss if self.side is not None else None
        found = hashlib.sha256(f"{self.ids.dtype.itemsize} {size} ".encode())
        for start in np.linspace(0, max(0, size - SAMPLED_TOKENS), SAMPLES, dtype=np.int64):
            for values in (self.ids, loss):
                if values is not None:
                    sample = values[start : start + SAMPLED_TOKENS]
                    found.update(np.ascontiguousarray(sample).data)
        return found.hexdigest()


class Corpus(NamedTuple):
    """Arrays in their order, and what their ids mean. name: as errors call it.

    arrays: the token folders, where they are ours. eos_first: the end of text stands before each
    document. notes: what has to be told, a line each.
    """

    name: str
    parts: list[Part]
    vocab_size: int
    eos_id: int
    pad_id: int
    tokenizer: TokenizerStamp | None
    arrays: tuple[TokenArrays, ...] = ()
    eos_first: bool = False
    notes: tuple[str, ...] = ()

    @property
    def masked(self) -> bool:
        """Whether some tokens are no targets."""
        return any(part.side is not None for part in self.parts)

    @property
    def tokens(self) -> int:
        return sum(len(part.ids) for part in self.parts)

    def stream(self) -> TokenStream:
        """All arrays as one."""
        return TokenStream([len(part.ids) for part in self.parts], lambda i: self.parts[i].ids)

    def by_source(self) -> dict[str, int]:
        """Tokens of each source, in order."""
        counts: dict[str, int] = {}
        for part in self.parts:
            counts[part.source] = counts.get(part.source, 0) + len(part.ids)
        return counts

    def borders(self, *, check: bool) -> Borders:
        """Where documents begin and end in the stream, int64[documents + 1].

        check: each must end with an end of text. Raises TrainError where nobody knows, TokensError
        where they are damaged.
        """
        before, found = 0, [np.zeros(1, np.int64)]
        for part in self.parts:
            if part.borders is None:
                told = "`dolma-pipe tokens import` finds its documents"
                raise TrainError(f"data.view: padded: {part.name} has no offsets: {told}")
            for borders in part.borders():
                if check and (part.ids[borders[1:] - 1] != self.eos_id).any():
                    raise TokensError(f"{part.name}: its offsets are not where its documents end")
                found.append(borders[1:] + before)
            before += len(part.ids)
        return np.concatenate(found)


def check(corpus: Corpus) -> None:
    """Read every array once, in threads: its sha256, or where none is known its largest id.

    Raises TokensError, which names the array.
    """
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(partial(_check, vocab_size=corpus.vocab_size), corpus.parts))


def _check(part: Part, vocab_size: int) -> None:
    found, top = hashlib.sha256(), 0
    for start in range(0, len(part.ids), CHUNK_TOKENS):
        ids = part.ids[start : start + CHUNK_TOKENS]
        if part.sha256 is not None:
            found.update(ids.data)
        elif (top := int(ids.max())) >= vocab_size:
            at = f"from token {start:,} on"
            raise TokensError(f"{part.name}: id {top} {at} in a vocabulary of {vocab_size}")
    if part.sha256 is not None and found.hexdigest() != part.sha256:
        raise TokensError(f"{part.name}: {CHANGED}")
    loss = part.side.loss if part.side is not None else None
    if loss is None or part.loss_sha256 is None:
        return
    if hashlib.sha256(loss.data).hexdigest() != part.loss_sha256:
        raise TokensError(f"{part.name.removesuffix('.npy')}{LOSS}: {CHANGED}")
