"""fastText classifiers: what a model file says of documents."""

import functools
import threading
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import AssetError
from dolma_pipe.fasttext_file import (
    Dictionary,
    Reader,
    Settings,
    label_names,
    read_dictionary,
    read_matrix,
    read_pruning,
    read_settings,
)
from dolma_pipe.kernels.fasttext import Memo, Weights, document_vectors
from dolma_pipe.kernels.fasttext_scores import (
    HIERARCHICAL_SOFTMAX,
    Tree,
    grow_tree,
    score_every_leaf,
    score_labels,
    score_leaves,
)
from dolma_pipe.kernels.jit import F32, I32, I64, U8, U64, Bool
from dolma_pipe.kernels.strings import hash_entries

Array = TypeVar("Array", bound=npt.NDArray[np.generic])


MEMO_BYTES = 1 << 25
"""Room for remembered word vectors: with more, the processor's cache would miss too often."""

FEWEST_SLOTS = 1024  # a power of two


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
        self._columns = _read_only(np.ascontiguousarray(output.T))
        self._tree = tree
        self._memo = _empty_memo(output.shape[1])
        self._lock = threading.Lock()

    def predict(self, text: U8, starts: I64, ends: I64, wanted: I32) -> tuple[F32, I32, F32]:
        """Score stretches of text as fastText does with their line ends as spaces.

        text uint8[bytes], starts and ends int64[n], wanted int32[k]: indices into labels.
        Gives the probabilities of the wanted labels float32[n, k], the likeliest label int32[n]
        and its probability float32[n]. Where the model knows none of a stretch's words, nor the
        end of a line, it says nothing: NaN, -1, NaN. Probabilities are fastText's own, which are
        up to 1e-5 high, but never over 1.
        """
        vectors, rows = self._vectors(text, starts, ends)
        scores = np.full((len(rows), len(wanted)), np.nan, np.float32)
        top = np.full(len(rows), -1, np.int32)
        top_score = np.full(len(rows), np.nan, np.float32)
        wanted = _read_only(wanted)
        if self._loss == HIERARCHICAL_SOFTMAX:
            score_leaves(vectors, rows, self._output, self._tree, wanted, scores, top, top_score)
        else:
            score_labels(
                vectors, rows, self._output, self._loss, SIGMOIDS, wanted, scores, top, top_score
            )
        return scores, top, top_score

    def predict_all(self, text: U8, starts: I64, ends: I64) -> F32:
        """The probabilities of every label float32[n, labels], as of `predict` to 1e-6."""
        if self._loss != HIERARCHICAL_SOFTMAX:
            every = np.arange(len(self.labels), dtype=np.int32)
            return self.predict(text, starts, ends, every)[0]
        vectors, rows = self._vectors(text, starts, ends)
        scores = np.full((len(rows), len(self.labels)), np.nan, np.float32)
        score_every_leaf(vectors, rows, self._columns, self._tree, scores)
        return scores

    def _vectors(self, text: U8, starts: I64, ends: I64) -> tuple[F32, I64]:
        vectors = np.empty((len(starts), self._output.shape[1]), np.float32)
        rows = np.empty(len(starts), np.int64)
        text, starts, ends = _read_only(text), _read_only(starts), _read_only(ends)
        with self._lock:
            document_vectors(text, starts, ends, self._weights, self._memo, vectors, rows)
        return vectors, rows


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
    reader = Reader(path)
    settings = read_settings(reader)
    dictionary = read_dictionary(reader)
    settings, ngram_rows, rows = read_pruning(reader, settings, dictionary)
    quantised = reader.flag()
    matrix = read_matrix(reader, settings.dimensions, quantised)
    output = read_matrix(reader, settings.dimensions, reader.flag() and quantised)
    if len(matrix) < rows or len(output) != dictionary.entries - dictionary.words:
        reader.fail("damaged: its matrices do not fit its dictionary")
    return FastTextModel(
        labels=label_names(dictionary),
        loss=settings.loss,
        weights=_weights(settings, dictionary, ngram_rows, matrix),
        output=_read_only(output),
        tree=_tree(dictionary.counts[dictionary.words :]),
    )


@functools.lru_cache(maxsize=8)
def _read_labels(path: str, _modified: int, _size: int) -> tuple[str, ...]:
    reader = Reader(path)
    read_settings(reader)
    return label_names(read_dictionary(reader))


def _weights(settings: Settings, dictionary: Dictionary, ngram_rows: I32, matrix: F32) -> Weights:
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
