"""Write one array of token ids with its offsets and rows; the files appear whole or not at all."""

import csv
import gzip
import hashlib
import io
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import Tokens
from dolma_pipe.tokens.manifest import LOSS, TokenShard
from dolma_pipe.work import atomic_write

BUFFERED_TOKENS = 1 << 20

Lengths = npt.NDArray[np.int64]
Loss = npt.NDArray[np.uint8]


class TokenWriter:
    """Appends documents to one array; use `write_tokens`."""

    def __init__(
        self,
        ids: IO[bytes],
        rows: io.TextIOWrapper,
        dtype: np.dtype[Any],
        vocab_size: int,
        eos_id: int,
        loss: IO[bytes] | None = None,
    ) -> None:
        self._file = ids
        self._loss = loss
        self._loss_hash = hashlib.sha256()
        self._targets = 0
        self._text = rows
        self._rows = csv.writer(rows, lineterminator="\n")
        # the csv module leaves a lone carriage return bare, and readers end the row there
        self._quoted_rows = csv.writer(rows, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._dtype = dtype
        self._vocab_size = vocab_size
        self._eos_id = eos_id
        self._held: list[Tokens] = []
        self._held_tokens = 0
        self._hash = hashlib.sha256()
        self.ends = array("Q", [0])
        self.max_token_id = 0

    def add(
        self, ids: Tokens, document_id: str, src: str, loc: int, loss: Loss | None = None
    ) -> None:
        """Append one document, ids[tokens] with its EOS; it came from line loc of src.

        loss: uint8[tokens], 1 for targets; of every document where there is a mask.
        """
        if not len(ids) or ids[-1] != self._eos_id:
            raise TokensError(f"document {document_id} does not end with token {self._eos_id}")
        start = self.ends[-1]
        self.ends.append(start + len(ids))
        rows = self._quoted_rows if "\r" in document_id + src else self._rows
        rows.writerow((start, self.ends[-1], document_id, src, loc))
        self._add_loss(loss, len(ids))
        self._held.append(ids)
        self._held_tokens += len(ids)
        if self._held_tokens >= BUFFERED_TOKENS:
            self.flush()

    def extend(self, ids: Tokens, lengths: Lengths, rows: bytes, loss: Loss | None = None) -> None:
        """Append many documents: ids[tokens], of which each has lengths[document] with its EOS, and
        their rows of the csv, start, end, id, src and loc. loss: as in add()."""
        ends = np.cumsum(lengths)
        if len(ids) != ends[-1] or not (ids[ends - 1] == self._eos_id).all():
            raise TokensError(f"a document does not end with token {self._eos_id}")
        self.ends.frombytes((ends + self.ends[-1]).astype(np.uint64).tobytes())
        self._text.flush()
        self._text.buffer.write(rows)
        self._add_loss(loss, len(ids))
        self._held.append(ids)
        self._held_tokens += len(ids)
        if self._held_tokens >= BUFFERED_TOKENS:
            self.flush()

    def _add_loss(self, loss: Loss | None, tokens: int) -> None:
        if (loss is None) != (self._loss is None):
            raise ValueError("either all documents of an array have a loss mask, or none")
        if loss is None or self._loss is None:
            return
        if len(loss) != tokens or (loss > 1).any():
            raise TokensError(f"a loss mask that is not a 0 or 1 for each of {tokens} tokens")
        content = np.ascontiguousarray(loss, np.uint8).data
        self._targets += int(np.count_nonzero(loss))
        self._loss_hash.update(content)
        self._loss.write(content)

    def has_room(self, ids: Tokens, most: int) -> bool:
        """Whether the array stays within `most` tokens; a document that is longer has its own."""
        return len(self.ends) == 1 or self.ends[-1] + len(ids) <= most

    def flush(self) -> None:
        """Write what is held. Raises TokensError for an id outside of the vocabulary."""
        if not self._held:
            return
        ids = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        self.max_token_id = max(self.max_token_id, int(ids.max()))
        if self.max_token_id >= self._vocab_size:
            raise TokensError(f"token id {self.max_token_id} in a vocabulary of {self._vocab_size}")
        content = np.ascontiguousarray(ids, self._dtype).data
        self._hash.update(content)
        self._file.write(content)
        self._held, self._held_tokens = [], 0

    def shard(self, file: str) -> TokenShard:
        """The manifest's entry, after all was flushed."""
        return TokenShard(
            file=file,
            documents=len(self.ends) - 1,
            tokens=self.ends[-1],
            max_token_id=self.max_token_id,
            sha256=self._hash.hexdigest(),
            loss_sha256=self._loss_hash.hexdigest() if self._loss else None,
            targets=self._targets if self._loss else None,
        )


@contextmanager
def write_tokens(
    prefix: Path, dtype: np.dtype[Any], vocab_size: int, eos_id: int, *, loss: bool = False
) -> Iterator[TokenWriter]:
    """Write prefix.npy, .offsets.u64 and .csv.gz; they appear when the block ends well.

    loss: also .loss.u8, where every document comes with its mask. Raises TokensError for an empty
    shard: np.memmap cannot read one.
    """
    with ExitStack() as files:
        file = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".npy")))
        offsets = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".offsets.u64")))
        packed = files.enter_context(atomic_write(prefix.with_name(prefix.name + ".csv.gz")))
        # no time and no name in the gzip header: the same bytes on every run
        unpacked = files.enter_context(
            gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0)
        )
        rows = files.enter_context(io.TextIOWrapper(unpacked, "utf-8", newline=""))
        mask = None
        if loss:
            mask = files.enter_context(atomic_write(prefix.with_name(prefix.name + LOSS)))
        writer = TokenWriter(file, rows, dtype, vocab_size, eos_id, mask)
        yield writer
        writer.flush()
        if len(writer.ends) == 1:
            raise TokensError(f"{prefix}: no document in it")
        offsets.write(np.array(writer.ends, "<u8").tobytes())
