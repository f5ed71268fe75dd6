"""A transformer as embedder: long documents go in chunks, whose vectors are averaged."""

from typing import TYPE_CHECKING

import numpy as np

from dolma_pipe.embeddings.base import Embedder
from dolma_pipe.embeddings.word_pieces import WordPieces
from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.kernels.jit import I16, I32, I64, U8
from dolma_pipe.kernels.vectors import unit_vectors

if TYPE_CHECKING:
    from dolma_pipe.embeddings.bert import Bert

GPU_BATCH = 256
"""Chunks that go through a GPU together."""


class TransformerEmbedder(Embedder):
    """Each chunk is [CLS] tokens [SEP]; its unit vector counts by its tokens."""

    def __init__(
        self, bert: "Bert", pieces: WordPieces, name: str, fingerprint: str, chunk: int, chunks: int
    ) -> None:
        """chunk: tokens with [CLS] and [SEP]; chunks: at most in a document."""
        if chunk > bert.positions:
            raise RecipeError(f"model {name} takes {bert.positions} tokens, chunk is {chunk}")
        if len(pieces.spelling) > bert.vocabulary:
            raise AssetError(
                f"model {name} has {bert.vocabulary} vectors for {len(pieces.spelling)} tokens"
            )
        self._bert, self._pieces = bert, pieces
        self._chunk, self._chunks = chunk - 2, chunks
        self.name, self.fingerprint, self.dimensions = name, fingerprint, bert.dimensions

    def embed(self, text: U8, offsets: I64) -> I16:
        documents = len(offsets) - 1
        tokens, borders = self._tokens(text, offsets)
        starts, ends, whose = chunks_of(borders, self._chunk, self._chunks)
        vectors = self._vectors(tokens, starts, ends)
        sums = np.zeros((documents, self.dimensions), np.int64)
        np.add.at(sums, whose, vectors * (ends - starts)[:, None])
        return unit_vectors(sums.astype(np.float64))

    def _tokens(self, text: U8, offsets: I64) -> tuple[I32, I64]:
        """All tokens, and where those of each document start."""
        tokens, counts = [np.empty(0, np.int32)], np.zeros(len(offsets) - 1, np.int64)
        for some, documents in self._pieces.tokens(text, offsets):
            tokens.append(some)
            counts += np.bincount(documents, minlength=len(counts))
        return np.concatenate(tokens), np.concatenate([[0], np.cumsum(counts)])

    def _vectors(self, tokens: I32, starts: I64, ends: I64) -> I16:
        """int16[chunks, dimensions].

        On a CPU one chunk at a time, so that a vector never depends on what else there is to
        embed; on a GPU chunks of about the same length together.
        """
        vectors = np.zeros((len(starts), self.dimensions), np.int16)
        together = GPU_BATCH if self._bert.device.type == "cuda" else 1
        order = np.argsort(ends - starts, kind="stable")
        for first in range(0, len(order), together):
            some = order[first : first + together]
            batch, lengths = self._batch(tokens, starts[some], ends[some])
            vectors[some] = unit_vectors(self._bert.embed(batch, lengths).astype(np.float64))
        return vectors

    def _batch(self, tokens: I32, starts: I64, ends: I64) -> tuple[I64, I64]:
        """int64[chunks, longest], filled up with 0, and the length of each."""
        lengths = ends - starts + 2
        batch = np.zeros((len(starts), int(lengths.max())), np.int64)
        batch[:, 0] = self._pieces.start
        for row, start, end in zip(batch, starts.tolist(), ends.tolist(), strict=True):
            row[1 : end - start + 1] = tokens[start:end]
            row[end - start + 1] = self._pieces.end
        return batch, lengths


def chunks_of(borders: I64, chunk: int, most: int) -> tuple[I64, I64, I64]:
    """Start, end and document of each chunk; borders: int64[documents + 1] of tokens.

    Chunks follow each other; where there would be more than `most`, so many whole ones are spread
    evenly, the first at the start of the document and the last at its end.
    """
    starts, ends, whose = [], [], []
    for document, (first, end) in enumerate(
        zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
    ):
        places = list(range(first, end, chunk))
        if len(places) > most:
            room = end - first - chunk
            places = [first + i * room // max(1, most - 1) for i in range(most)]
        starts += places
        ends += [min(place + chunk, end) for place in places]
        whose += [document] * len(places)
    return np.array(starts, np.int64), np.array(ends, np.int64), np.array(whose, np.int64)
