"""A fastText .bin or .ftz file, read into arrays.

The format is fastText's own, version 12 or 11 (fasttext.cc, dictionary.cc, densematrix.cc,
quantmatrix.cc):

    magic, version          int32 each
    settings                12 int32, 1 double
    entries, words, labels  int32 each; tokens, pruned n-grams int64 each
    entries                 text, 0, count int64, kind byte: words first, then labels
    pruned n-grams          (bucket, row) int32 each
    input, output           a flag byte (quantised or not) and a matrix each
"""

import mmap
import struct
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.fasttext_dictionary import scan_entries
from dolma_pipe.kernels.fasttext_scores import (
    HIERARCHICAL_SOFTMAX,
    NEGATIVE_SAMPLING,
    ONE_VS_ALL,
    SOFTMAX,
    UNREACHED,
)
from dolma_pipe.kernels.jit import F32, I32, I64, U8

MAGIC = 793712314
NEWEST_VERSION = 12
SUPERVISED = 3
CENTROIDS = 256
LABEL_PREFIX = b"__label__"

# beyond any real model: a damaged number must not claim memory
MOST_BUCKETS, LONGEST_NGRAM = 1 << 28, 1000

COPIED_BYTES = 1 << 28
"""Larger matrices stay in the file's mapping, which workers share; they may lie unaligned there."""


class Settings(NamedTuple):
    """Of the twelve settings in the file, those that prediction needs."""

    dimensions: int
    word_ngrams: int
    loss: int
    buckets: int
    min_characters: int
    max_characters: int


class Dictionary(NamedTuple):
    """Entry e is vocabulary[starts[e]:ends[e]], met counts[e] times in training.

    pruned: how many n-grams pruning kept, -1 for all of them.
    """

    vocabulary: U8
    starts: I64
    ends: I64
    counts: I64
    words: int
    pruned: int

    @property
    def entries(self) -> int:
        return len(self.starts)


class Reader:
    """A file and a position in it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.position = 0
        try:
            with Path(path).open("rb") as file:
                self.data: U8 = np.frombuffer(
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8
                )
        except OSError as error:
            raise AssetError(f"{path}: {error.strerror}") from error
        except ValueError:  # mmap refuses an empty file
            self.fail("not a fastText model")

    def fail(self, why: str) -> NoReturn:
        raise AssetError(f"{self.path}: {why}")

    def bytes(self, count: int) -> U8:
        if not 0 <= count <= len(self.data) - self.position:
            self.fail("cut short or damaged")
        self.position += count
        return self.data[self.position - count : self.position]

    def integers(self, letters: str) -> tuple[int, ...]:
        """As struct.unpack, little-endian."""
        return struct.unpack("<" + letters, self.bytes(struct.calcsize("<" + letters)).tobytes())

    def flag(self) -> bool:
        return bool(self.bytes(1)[0])

    def floats(self, count: int) -> F32:
        return self.bytes(4 * count).view(np.float32)


def read_settings(reader: Reader) -> Settings:
    """The head of the file. Raises AssetError where it is no supervised fastText model."""
    if len(reader.data) < 8:
        reader.fail("not a fastText model")
    magic, version = reader.integers("ii")
    if magic != MAGIC or version > NEWEST_VERSION:
        reader.fail("not a fastText model")
    dimensions, _, _, _, _, word_ngrams, loss, model, buckets, minn, maxn, _ = reader.integers(
        "12i"
    )
    reader.bytes(8)  # the sampling threshold, used in training only
    if model != SUPERVISED:
        reader.fail("a fastText model of word vectors, not a classifier (fasttext supervised)")
    known = (
        HIERARCHICAL_SOFTMAX,
        NEGATIVE_SAMPLING,
        SOFTMAX,
        ONE_VS_ALL,
    )
    if dimensions < 1 or not 0 <= buckets <= MOST_BUCKETS or loss not in known:
        reader.fail("cut short or damaged")
    if max(maxn, word_ngrams) > LONGEST_NGRAM:
        reader.fail("cut short or damaged")
    # Version 11 kept these two settings for classifiers and did not use them.
    return Settings(dimensions, word_ngrams, loss, buckets, minn, maxn if version > 11 else 0)


def read_dictionary(reader: Reader) -> Dictionary:
    """Words and labels. Raises AssetError where the file is cut short or damaged."""
    entries, words, labels, _, pruned = reader.integers("3iqq")
    # An entry has at least 10 bytes: a damaged number must not claim memory.
    if not (
        words >= 0 and labels > 0 and entries == words + labels and 10 * entries <= len(reader.data)
    ):
        reader.fail("cut short or damaged")
    starts, ends, counts = (np.empty(entries, np.int64) for _ in range(3))
    kinds = np.empty(entries, np.uint8)
    begin = reader.position
    position = scan_entries(reader.data, begin, starts, ends, counts, kinds)
    if position < 0 or kinds[:words].any() or not (kinds[words:] == 1).all():
        reader.fail("cut short or damaged")
    of_labels = counts[words:].astype(np.float64)
    if of_labels.min() < 0 or of_labels.sum() >= UNREACHED:
        reader.fail("cut short or damaged")
    vocabulary = reader.bytes(position - begin).copy()
    return Dictionary(vocabulary, starts - begin, ends - begin, counts, words, pruned)


def label_names(dictionary: Dictionary) -> tuple[str, ...]:
    """Names of the labels, as people write them."""
    bounds = zip(
        dictionary.starts[dictionary.words :], dictionary.ends[dictionary.words :], strict=True
    )
    names = [dictionary.vocabulary[start:end].tobytes() for start, end in bounds]
    return tuple(name.removeprefix(LABEL_PREFIX).decode(errors="replace") for name in names)


def read_pruning(
    reader: Reader, settings: Settings, dictionary: Dictionary
) -> tuple[Settings, I32, int]:
    """Settings, without buckets where there are no n-grams; ngram_rows; rows that the input needs.

    ngram_rows: see Weights.
    """
    uses_ngrams = settings.max_characters > 0 or settings.word_ngrams > 1
    every = np.empty(0, np.int32)
    if dictionary.pruned <= 0:
        buckets = settings.buckets if dictionary.pruned < 0 and uses_ngrams else 0
        return settings._replace(buckets=buckets), every, dictionary.words + buckets
    pairs = reader.bytes(8 * dictionary.pruned).view(np.int32).reshape(-1, 2)
    if pairs.min() < 0 or pairs[:, 0].max() >= settings.buckets:
        reader.fail("cut short or damaged")
    ngram_rows = np.full(settings.buckets, -1, np.int32)
    ngram_rows[pairs[:, 0]] = pairs[:, 1]
    return settings, ngram_rows, dictionary.words + int(pairs[:, 1].max()) + 1


def read_matrix(reader: Reader, dimensions: int, quantised: bool) -> F32:
    """A matrix float32[rows, dimensions], written out where it is quantised."""
    normed = quantised and reader.flag()
    rows, columns = reader.integers("qq")
    if rows < 0 or columns != dimensions:
        reader.fail("cut short or damaged")
    if quantised:
        return _read_quantised(reader, rows, columns, normed)
    matrix = reader.floats(rows * columns).reshape(rows, columns)
    return matrix.copy() if matrix.nbytes <= COPIED_BYTES else matrix


def _read_quantised(reader: Reader, rows: int, columns: int, normed: bool) -> F32:
    """Each stretch of a row is one of 256 centroids; where normed, times one of 256 norms."""
    (size,) = reader.integers("i")
    codes = reader.bytes(size)
    centroids = _read_centroids(reader)
    if rows * len(centroids) != size or sum(c.shape[1] for c in centroids) != columns:
        reader.fail("cut short or damaged")
    matrix = np.empty((rows, columns), np.float32)
    at = 0
    for part, stretch in enumerate(centroids):
        matrix[:, at : at + stretch.shape[1]] = stretch[codes[part :: len(centroids)]]
        at += stretch.shape[1]
    if normed:
        norm_codes = reader.bytes(rows)
        norms = _read_centroids(reader)
        if len(norms) != 1 or norms[0].shape[1] != 1:
            reader.fail("cut short or damaged")
        matrix *= norms[0][norm_codes]
    return matrix


def _read_centroids(reader: Reader) -> list[F32]:
    """For each stretch of a row its centroids, float32[256, length]; the last may be shorter."""
    columns, stretches, length, last = reader.integers("4i")
    if min(stretches, length, last) < 1 or (stretches - 1) * length + last != columns:
        reader.fail("cut short or damaged")
    values = reader.floats(CENTROIDS * columns)
    lengths = [length] * (stretches - 1) + [last]
    ends = np.cumsum([CENTROIDS * n for n in lengths])
    return [
        part.reshape(CENTROIDS, n)
        for part, n in zip(np.split(values, ends[:-1]), lengths, strict=True)
    ]
