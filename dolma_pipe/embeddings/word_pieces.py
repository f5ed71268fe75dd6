"""WordPiece tokens of many documents: `tokenizers` splits each distinct piece once."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.jit import I32, I64, U8, U64
from dolma_pipe.kernels.pieces import PIECES, find_pieces, insert, join_tokens, look_up

SLOTS = 1 << 20
"""Of the memory for pieces; it is emptied when half full."""

TOKENS = 1 << 22
"""That the memory holds at most."""


class WordPieces:
    """The tokenizer of a BERT-like model."""

    def __init__(self, content: bytes, name: str, *, unknown: bool = True) -> None:
        """content: a tokenizer.json; unknown: whether [UNK] is a token like others, or left out.

        Raises AssetError where the tokenizer is of another sort.
        """
        self._reference = _reference(content, name)
        self._left_out = None if unknown else self._reference.token_to_id("[UNK]")
        self.start: int = _special(self._reference, "[CLS]", name)
        self.end: int = _special(self._reference, "[SEP]", name)
        self._memory = _Memory()

    @cached_property
    def spelling(self) -> list[str]:
        """Every token, by its number."""
        count = self._reference.get_vocab_size()
        return [self._reference.id_to_token(i) or "" for i in range(count)]

    def tokens(self, text: U8, offsets: I64) -> Iterator[tuple[I32, I32]]:
        """Tokens in their order and the document of each, some ten thousand at a time."""
        text = np.ascontiguousarray(text)
        documents = np.empty(PIECES, np.int32)
        starts, ends = np.empty(PIECES, np.int64), np.empty(PIECES, np.int64)
        hashes, found = np.empty(PIECES, np.uint64), np.empty(PIECES, np.int32)
        document = place = 0
        while document < len(offsets) - 1:
            n, document, place = find_pieces(
                text, offsets, document, place, documents, starts, ends, hashes
            )
            if self._memory.find(hashes[:n], found[:n]):
                self._learn(text, starts[:n], ends[:n], hashes[:n], found[:n])
            yield join_tokens(documents[:n], found[:n], self._memory.borders, self._memory.tokens)

    def _learn(self, text: U8, starts: I64, ends: I64, hashes: U64, found: I32) -> None:
        """Tokenise the pieces that are not known yet, and find all again."""
        if self._memory.is_full():
            self._memory = _Memory()
            found[:] = -1
        new, places = np.unique(hashes[found < 0], return_index=True)
        places = np.flatnonzero(found < 0)[places]
        spans = zip(starts[places].tolist(), ends[places].tolist(), strict=True)
        pieces = [str(text.data[a:b], "utf-8") for a, b in spans]
        encoded = self._reference.encode_batch_fast(pieces, add_special_tokens=False)
        known = [[token for token in one.ids if token != self._left_out] for one in encoded]
        self._memory.add(new, known)
        self._memory.find(hashes, found)


class _Memory:
    """Tokens of the pieces that were met: tokens[borders[i] : borders[i + 1]] by hash."""

    def __init__(self) -> None:
        self.borders: I64 = np.zeros(1, np.int64)
        self.tokens: I32 = np.empty(0, np.int32)
        self._keys: U64 = np.zeros(SLOTS, np.uint64)
        self._values: I32 = np.zeros(SLOTS, np.int32)

    def is_full(self) -> bool:
        """Whether the pieces of one more look may find no room."""
        return len(self.borders) > SLOTS // 2 or len(self.tokens) > TOKENS

    def find(self, hashes: U64, found: I32) -> int:
        """Write the place of each, -1 for a new one; returns how many are new."""
        return look_up(self._keys, self._values, hashes, found)

    def add(self, hashes: U64, tokens: list[list[int]]) -> None:
        """New ones, distinct."""
        insert(self._keys, self._values, hashes, len(self.borders) - 1)
        sizes = np.array([len(one) for one in tokens], np.int64)
        self.borders = np.concatenate([self.borders, self.borders[-1] + np.cumsum(sizes)])
        flat = np.fromiter((token for one in tokens for token in one), np.int32, int(sizes.sum()))
        self.tokens = np.concatenate([self.tokens, flat])


def _reference(content: bytes, name: str) -> Any:
    import tokenizers

    try:
        reference = tokenizers.Tokenizer.from_str(content.decode())
    except Exception as error:  # `tokenizers` raises nothing more precise
        raise AssetError(f"{name} is not a tokenizer.json: {error}") from error
    parts = (reference.model, reference.normalizer, reference.pre_tokenizer)
    kinds = [type(part).__name__ for part in parts]
    if kinds != ["WordPiece", "BertNormalizer", "BertPreTokenizer"]:
        raise AssetError(f"{name} is a tokenizer of {', '.join(kinds)}, BERT's is needed")
    reference.encode_special_tokens = True
    reference.no_truncation()
    reference.no_padding()
    return reference


def _special(reference: Any, token: str, name: str) -> int:
    found = reference.token_to_id(token)
    if found is None:
        raise AssetError(f"{name} has no token {token}")
    return int(found)
