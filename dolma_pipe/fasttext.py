"""fastText classifiers: a .bin or .ftz file read into arrays, and its predictions for documents.

The format is fastText's own, version 12 or 11 (fasttext.cc, dictionary.cc, densematrix.cc,
quantmatrix.cc):

    magic, version          int32 each
    settings                12 int32, 1 double
    entries, words, labels  int32 each; tokens, pruned n-grams int64 each
    entries                 text, 0, count int64, kind byte: words first, then labels
    pruned n-grams          (bucket, row) int32 each
    input, output           a flag byte (quantised or not) and a matrix each
"""

import functools
import mmap
import struct
import threading
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.fasttext import Memo, Weights, document_vectors
from dolma_pipe.kernels.fasttext_dictionary import hash_entries, scan_entries
from dolma_pipe.kernels.fasttext_scores import (
    HIERARCHICAL_SOFTMAX,
    NEGATIVE_SAMPLING,
    ONE_VS_ALL,
    SOFTMAX,
    UNREACHED,
    Tree,
    grow_tree,
    score_labels,
    score_leaves,
)
from dolma_pipe.kernels.jit import F32, I32, I64, U8, U64, Bool

Array = TypeVar("Array", bound=npt.NDArray[np.generic])

MAGIC = 793712314
NEWEST_VERSION = 12
SUPERVISED = 3
CENTROIDS = 256
LABEL_PREFIX = b"__label__"

MEMO_BYTES = 1 << 25
"""Room for remembered word vectors: with more, the processor's cache would miss too often."""

FEWEST_SLOTS = 1024  # a power of two

MOST_BUCKETS, LONGEST_NGRAM = (
    1 << 28,
    1000,
)  # beyond any real model: a damaged number must not claim memory

COPIED_BYTES = 1 << 28
"""Larger matrices stay in the file's mapping, which workers share; they may lie unaligned there."""


class FastTextModel:
    """A supervised fastText model: frozen but for its memo of words, which never shows."""

    def __init__(
        self,
        labels: tuple[str, ...],
        loss: int,
        weights: Weights,
        output: F32,
        tree: Tree,
    ) -> None:
        """labels: names without __label__; output: float32[labels, dimensions], in one order."""
        self.labels = labels
        self._loss = loss
        self._weights = weights
        self._output = output
        self._tree = tree
        self._memo = _empty_memo(output.shape[1])
        self._lock = threading.Lock()

    def predict(self, text: U8, offsets: I64, wanted: I32) -> tuple[F32, I32, F32]:
        """Score documents as fastText does with their line ends as spaces.

        text uint8[bytes], offsets int64[documents + 1], wanted int32[k]: indices into labels.
        Gives the probabilities of the wanted labels float32[documents, k], the likeliest label
        int32[documents] and its probability float32[documents]. Where the model knows none of a
        document's words, nor the end of a line, it says nothing: NaN, -1, NaN. Probabilities are
        fastText's own, which are up to 1e-5 high, but never over 1.
        """
        documents = len(offsets) - 1
        vectors = np.empty((documents, self._output.shape[1]), np.float32)
        rows = np.empty(documents, np.int64)
        bounds = _read_only(offsets)
        with self._lock:
            document_vectors(
                _read_only(text), bounds[:-1], bounds[1:], self._weights, self._memo, vectors, rows
            )
        scores = np.full((documents, len(wanted)), np.nan, np.float32)
        top = np.full(documents, -1, np.int32)
        top_score = np.full(documents, np.nan, np.float32)
        wanted = _read_only(wanted)
        if self._loss == HIERARCHICAL_SOFTMAX:
            score_leaves(vectors, rows, self._output, self._tree, wanted, scores, top, top_score)
        else:
            score_labels(
                vectors, rows, self._output, self._loss, SIGMOIDS, wanted, scores, top, top_score
            )
        return scores, top, top_score


def load_model(path: str | Path) -> FastTextModel:
    """Read a fastText classifier, once a process.

    Raises AssetError when the file is not one, is damaged or cut short.
    """
    return _load(*_identity(path))


def read_labels(path: str | Path) -> tuple[str, ...]:
    """The labels of a fastText classifier, without reading its matrices.

    Raises AssetError as load_model does.
    """
    return _read_labels(*_identity(path))


def _identity(path: str | Path) -> tuple[str, int, int]:
    """What a file is remembered by: one that was written anew is read anew."""
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise AssetError(f"{path}: {error.strerror}") from error
    return str(path), stat.st_mtime_ns, stat.st_size


@functools.lru_cache(maxsize=8)
def _load(path: str, _modified: int, _size: int) -> FastTextModel:
    reader = _Reader(path)
    settings = _read_settings(reader)
    dictionary = _read_dictionary(reader)
    settings, ngram_rows, rows = _read_pruning(reader, settings, dictionary)
    quantised = reader.flag()
    matrix = _read_matrix(reader, settings.dimensions, quantised)
    output = _read_matrix(reader, settings.dimensions, reader.flag() and quantised)
    if len(matrix) < rows or len(output) != dictionary.entries - dictionary.words:
        reader.fail("damaged: its matrices do not fit its dictionary")
    return FastTextModel(
        labels=_names(dictionary),
        loss=settings.loss,
        weights=_weights(settings, dictionary, ngram_rows, matrix),
        output=_read_only(output),
        tree=_tree(dictionary.counts[dictionary.words :]),
    )


@functools.lru_cache(maxsize=8)
def _read_labels(path: str, _modified: int, _size: int) -> tuple[str, ...]:
    reader = _Reader(path)
    _read_settings(reader)
    return _names(_read_dictionary(reader))


class _Settings(NamedTuple):
    dimensions: int
    word_ngrams: int
    loss: int
    buckets: int
    min_characters: int
    max_characters: int


class _Dictionary(NamedTuple):
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


class _Reader:
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


def _read_settings(reader: _Reader) -> _Settings:
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
    return _Settings(dimensions, word_ngrams, loss, buckets, minn, maxn if version > 11 else 0)


def _read_dictionary(reader: _Reader) -> _Dictionary:
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
    return _Dictionary(vocabulary, starts - begin, ends - begin, counts, words, pruned)


def _names(dictionary: _Dictionary) -> tuple[str, ...]:
    """Names of the labels, as people write them."""
    bounds = zip(
        dictionary.starts[dictionary.words :], dictionary.ends[dictionary.words :], strict=True
    )
    names = [dictionary.vocabulary[start:end].tobytes() for start, end in bounds]
    return tuple(name.removeprefix(LABEL_PREFIX).decode(errors="replace") for name in names)


def _read_pruning(
    reader: _Reader, settings: _Settings, dictionary: _Dictionary
) -> tuple[_Settings, I32, int]:
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


def _read_matrix(reader: _Reader, dimensions: int, quantised: bool) -> F32:
    """A matrix float32[rows, dimensions], written out where it is quantised."""
    normed = quantised and reader.flag()
    rows, columns = reader.integers("qq")
    if rows < 0 or columns != dimensions:
        reader.fail("cut short or damaged")
    if quantised:
        return _read_quantised(reader, rows, columns, normed)
    matrix = reader.floats(rows * columns).reshape(rows, columns)
    return matrix.copy() if matrix.nbytes <= COPIED_BYTES else matrix


def _read_quantised(reader: _Reader, rows: int, columns: int, normed: bool) -> F32:
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


def _read_centroids(reader: _Reader) -> list[F32]:
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


def _weights(settings: _Settings, dictionary: _Dictionary, ngram_rows: I32, matrix: F32) -> Weights:
    table = np.full(1 << (4 * dictionary.entries).bit_length(), -1, np.int32)
    hash_entries(dictionary.vocabulary, dictionary.starts, dictionary.ends, table)
    return Weights(
        input=_read_only(matrix),
        kept=_read_only(_bit_set(ngram_rows >= 0)),
        ngram_rows=_read_only(ngram_rows),
        vocabulary=_read_only(dictionary.vocabulary),
        starts=_read_only(dictionary.starts),
        ends=_read_only(dictionary.ends),
        table=_read_only(table),
        words=dictionary.words,
        buckets=settings.buckets,
        min_characters=settings.min_characters,
        max_characters=settings.max_characters,
        word_ngrams=settings.word_ngrams,
    )


def _bit_set(flags: Bool) -> U64:
    """uint64[flags / 64, rounded up]: flag f is bit f % 64 of number f // 64."""
    padded = np.zeros(-(-len(flags) // 64) * 64, np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view(np.uint64)


def _tree(counts: I64) -> Tree:
    nodes = 2 * len(counts) - 1
    left, right, parent = (np.full(nodes, -1, np.int32) for _ in range(3))
    tree = Tree(left, right, parent, np.full(len(counts), -1, np.int32))
    grow_tree(counts, tree)
    return tree


def _sigmoids() -> F32:
    """fastText's table (Loss::Loss): one-vs-all probabilities are these 513 values."""
    x = np.arange(513, dtype=np.float32) * np.float32(16) / np.float32(512) - np.float32(8)
    values: F32 = (1.0 / (1.0 + np.exp(-x).astype(np.float64))).astype(np.float32)
    return values


def _empty_memo(dimensions: int) -> Memo:
    slots = FEWEST_SLOTS
    while 2 * slots * 4 * dimensions <= MEMO_BYTES:
        slots *= 2
    return Memo(
        words=np.zeros((slots, 2), np.uint64),
        vectors=np.zeros((slots, dimensions), np.float32),
    )


def _read_only(array: Array) -> Array:
    """The same array without leave to write: kernels are compiled for one kind only."""
    view = array.view()
    view.flags.writeable = False
    return view


SIGMOIDS = _read_only(_sigmoids())
