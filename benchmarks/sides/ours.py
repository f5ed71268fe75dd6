"""Our sides: what the stages call, on documents as the reader hands them over (Arrow batches)."""

import os
import tempfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.entries import Exact as ExactEntry
from dolma_pipe.kernels.minhash import EMPTY, band_keys, lower_signature, permutations
from dolma_pipe.shelf import find, load
from dolma_pipe.stages.dedup.sign import Signatures, keys_path
from dolma_pipe.tagger import Labels, Spans, Tagger
from dolma_pipe.tokenizer import load_tokenizer

BATCH_BYTES = 8 << 20


def batches_of(texts: list[str]) -> list[Batch]:
    """Batches of the size that the reader makes."""
    batches, first, size = [], 0, 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= BATCH_BYTES or i == len(texts) - 1:
            batches.append(batch_of(texts[first : i + 1]))
            first, size = i + 1, 0
    return batches


class _Ours:
    def __init__(self, texts: list[str]) -> None:
        self.loaded = batches_of(texts)
        self.batches = self.loaded

    def ready(self) -> None:
        """A batch remembers its words and lines: each round has new ones over the same buffers."""
        self.batches = [Batch(batch.documents) for batch in self.loaded]


class Tag(_Ours):
    """Some taggers, by name with their settings; words and lines are split once for all of them."""

    def __init__(self, texts: list[str], taggers: dict[str, dict[str, Any]]) -> None:
        super().__init__(texts)
        self.taggers = [
            load(find("taggers", name), Tagger)(**settings) for name, settings in taggers.items()
        ]

    def run(self) -> list[dict[str, Any]]:
        made = []
        for batch in self.batches:
            columns: dict[str, Any] = {}
            for tagger in self.taggers:
                columns |= tagger.tag(batch)
            made.append(columns)
        return made

    def told(self, made: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """A value a document in each column: the number, the label, or how many spans."""
        told: dict[str, list[Any]] = {}
        for columns in made:
            for name, column in columns.items():
                told.setdefault(name, []).extend(_values(column))
        return told


class Language(Tag):
    """The language tagger, whose model remembers words: each round begins without them."""

    def __init__(self, texts: list[str], model: str) -> None:
        """model: a copy that may be touched."""
        super().__init__(texts, {"lid": {"model": model}})
        self.model = model
        self.read = 0

    def ready(self) -> None:
        super().ready()
        self.read += 1
        os.utime(self.model, (self.read, self.read))  # a changed file is read anew
        few = Batch(self.loaded[0].documents.slice(0, 1))
        self.taggers[0].tag(few)


class Sign(_Ours):
    """MinHash from text to band keys, as curation signs: fold, split, shingle, sign, hash bands."""

    def __init__(self, texts: list[str], bands: int, rows: int, shingle: int, seed: int) -> None:
        super().__init__(texts)
        self.shingle, self.bands, self.rows, self.seed = shingle, bands, rows, seed

    def run(self) -> None:
        for batch in self.batches:
            band_keys(batch.text, batch.offsets, self.shingle, self.bands, self.rows, self.seed)

    def told(self, _: None) -> list[list[int]]:
        """A number for each permutation: with one row a band, equal keys are equal values."""
        values = self.bands * self.rows
        keys = [
            band_keys(b.text, b.offsets, self.shingle, values, 1, self.seed) for b in self.loaded
        ]
        return [row.tolist() for block in keys for row in block]


class SignHashes:
    """MinHash signatures alone, from shingle hashes that are the same for every side."""

    def __init__(self, _texts: list[str], hashes: str, offsets: str, count: int, seed: int) -> None:
        self.hashes, self.offsets = np.load(hashes), np.load(offsets)
        self.constants = permutations(count, seed)
        self.signatures = np.empty((len(self.offsets) - 1, count), np.uint32)

    def ready(self) -> None:
        self.signatures[:] = EMPTY

    def run(self) -> Any:
        for d, (start, end) in enumerate(pairwise(self.offsets.tolist())):
            if end > start:
                lower_signature(
                    self.signatures[d], self.hashes[start:end], end - start, *self.constants
                )
        return self.signatures

    def told(self, signatures: Any) -> list[list[int]]:
        return [row.tolist() for row in signatures]


class Exact(_Ours):
    """Hash every text with its white space collapsed."""

    def run(self) -> Signatures:
        signatures = Signatures([ExactEntry()])
        for batch in self.batches:
            signatures.add(batch, {})
        return signatures

    def told(self, signatures: Signatures) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            prefix = Path(folder) / "keys"
            signatures.write(prefix)
            high, low = np.fromfile(keys_path(prefix, 1), np.uint64).reshape(2, -1).tolist()
        return [f"{h:016x}{k:016x}" for h, k in zip(high, low, strict=True)]


class Encode(_Ours):
    """Token ids, on one thread."""

    def __init__(self, texts: list[str], tokenizer: str) -> None:
        super().__init__(texts)
        self.name = tokenizer

    def ready(self) -> None:
        super().ready()
        load_tokenizer.cache_clear()  # it remembers words, too
        self.tokenizer = load_tokenizer(self.name)
        few = batch_of(["Loads what is loaded at first use."])
        self.tokenizer.encode(few.text, few.offsets)

    def run(self) -> list[Any]:
        return [self.tokenizer.encode(batch.text, batch.offsets) for batch in self.batches]

    def told(self, encoded: list[Any]) -> list[int]:
        """A checksum of each document's ids as little-endian uint32."""
        return [
            zlib.crc32(ids.ids[start:end].astype("<u4").tobytes())
            for ids in encoded
            for start, end in pairwise(ids.offsets.tolist())
        ]


def _values(column: Any) -> list[Any]:
    if isinstance(column, Spans):
        return np.diff(column.offsets).tolist()
    if isinstance(column, Labels):
        return [column.names[code] if code >= 0 else None for code in column.codes]
    return [None if value != value else value for value in np.asarray(column).tolist()]
