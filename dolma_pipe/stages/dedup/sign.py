"""Sign, part of the curate pass: hashes of the survivors, so that no later step reads all texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dolma_pipe.batch import Batch
from dolma_pipe.entries import Entry
from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.keys import key_columns, keys_of
from dolma_pipe.stages.dedup.spool import Spool
from dolma_pipe.stages.dedup.survivors import survivor_ranks
from dolma_pipe.work import atomic_write

HELD_WORDS = 8 << 20
"""Words of the keys of an entry (8 bytes each) that are held in memory."""

PIECE = 1 << 16
"""Documents whose keys are brought from rows into columns at a time."""


def lengths_path(prefix: Path) -> Path:
    """uint64[documents]: bytes of each text."""
    return prefix.with_name(f"{prefix.name}.lengths.u64")


def keys_path(prefix: Path, number: int) -> Path:
    """uint64[columns, documents] of entry `number` (from 1).

    What a column holds is the method's own (keys.py). All 0: the document takes no part in this
    entry.
    """
    return prefix.with_name(f"{prefix.name}.{number}.keys.u64")


def ranks_path(prefix: Path, number: int) -> Path:
    """uint64[documents]: survivor order of entry `number`; absent where all tie."""
    return prefix.with_name(f"{prefix.name}.{number}.ranks.u64")


def signed_while_curating(entries: Sequence[Entry]) -> Iterator[tuple[int, Entry]]:
    """Entries, with their numbers from 1, that see the text as curation leaves it, and want it."""
    for number, entry in enumerate(entries, 1):
        if entry.signed_while_curating:
            yield number, entry
        if entry.changes_text:
            return


class Signatures:
    """Collects the signatures of one shard, and holds 16 bytes a document: lengths and ranks.

    Keys beyond HELD_WORDS an entry wait in a file.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        source: str | None = None,
        folder: Path | None = None,
    ) -> None:
        """source: of the shard; entries that do not concern it are not signed (None: all are).

        folder: where keys wait; the system's temporary folder for None.
        """
        self._numbered = [
            (number, entry)
            for number, entry in signed_while_curating(entries)
            if source is None or entry.concerns(source)
        ]
        self._lengths: list[U64] = []
        self._keys = {number: Spool(folder, HELD_WORDS) for number, _ in self._numbered}
        self._unsigned = dict.fromkeys(self._keys, 0)
        self._ranks: dict[int, list[U64]] = {
            n: [] for n, e in self._numbered if e.policy != "first"
        }

    def add(self, batch: Batch, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Sign the survivors of a batch. columns: numbers that `keep` may ask for."""
        self._lengths.append(np.diff(batch.offsets).astype(np.uint64))
        for number, entry in self._numbered:
            keys = keys_of(entry, batch.text, batch.offsets)
            self._keys[number].add(keys)
            self._unsigned[number] += int((~keys.any(axis=1)).sum())
            created = batch.documents.column("created")
            ranks = survivor_ranks(entry, self._lengths[-1], created, columns)
            if ranks is not None:
                self._ranks[number].append(ranks)

    def write(self, prefix: Path) -> dict[str, int]:
        """Write all files of the shard, each whole or not at all; returns counts."""
        counts = {"documents": sum(map(len, self._lengths))}
        write_words(lengths_path(prefix), self._lengths)
        for number, entry in self._numbered:
            with self._keys[number] as rows:
                _write_columns(keys_path(prefix, number), rows, counts["documents"], entry)
            counts[f"unsigned.{number}"] = self._unsigned[number]
        for number, ranks in self._ranks.items():
            write_words(ranks_path(prefix, number), ranks)
        return counts


def _write_columns(path: Path, rows: Spool, documents: int, entry: Entry) -> None:
    """Column by column what was spooled row by row; read once, and written piece by piece."""
    columns, done = key_columns(entry), 0
    with atomic_write(path) as file:
        for piece in rows.pieces(columns * PIECE):
            block = piece.reshape(-1, columns).T
            for c, column in enumerate(block):
                file.seek(8 * (c * documents + done))
                file.write(np.ascontiguousarray(column).data)
            done += block.shape[1]


def write_words(path: Path, parts: Iterable[U64]) -> None:
    """A file of uint64, part after part."""
    with atomic_write(path) as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
