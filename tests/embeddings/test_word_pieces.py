"""Tokens: those that `tokenizers` finds in the whole text, whatever was met before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from dolma_pipe.embeddings import word_pieces
from dolma_pipe.embeddings.word_pieces import WordPieces
from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.pieces import MAX_PIECE, PIECES
from tests.embeddings.models import WORDS, tokenizer_json
from tests.small_tokenizer import small_tokenizer_json
from tests.texts import packed, texts, texts_of

UNKNOWN = 1
PIECEWISE = WordPieces(tokenizer_json(), "tiny")


def reference(document: str) -> list[int]:
    tokenizer = Tokenizer.from_str(tokenizer_json().decode())
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(document, add_special_tokens=False).ids
    return ids


def tokens(pieces: WordPieces, documents: list[str], before: str = "") -> list[list[int]]:
    found: list[list[int]] = [[] for _ in documents]
    for some, whose in pieces.tokens(*packed(documents, before)):
        for token, document in zip(some.tolist(), whose.tolist(), strict=True):
            found[document].append(token)
    return found


@given(st.lists(st.one_of(texts, texts_of(*WORDS, "[SEP]", "[CLS]", "##a", "你好")), max_size=5))
def test_equals_the_reference(documents: list[str]) -> None:
    assert tokens(PIECEWISE, documents, "x") == [reference(d) for d in documents]


def test_unknown_tokens_are_left_out_where_asked() -> None:
    assert UNKNOWN in reference("cat ☃ dog")
    pieces = WordPieces(tokenizer_json(), "tiny", unknown=False)
    assert tokens(pieces, ["cat ☃ dog"]) == [[t for t in reference("cat ☃ dog") if t != UNKNOWN]]


def test_more_pieces_than_one_look_takes() -> None:
    documents = ["the cat. " * (PIECES // 2), "", "blue tree " * PIECES, "dog"]
    assert tokens(PIECEWISE, documents) == [reference(d) for d in documents]


def test_a_full_memory_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_pieces, "TOKENS", 8)
    pieces = WordPieces(tokenizer_json(), "tiny")
    for _ in range(3):
        for document in ("the cat sat", "abc def", "a dog run, the river", "xyz"):
            assert tokens(pieces, [document]) == [reference(document)]


def test_a_run_without_a_border_is_cut_at_a_code_point() -> None:
    """Such a word is [UNK] in any case: over 100 characters."""
    found = tokens(PIECEWISE, ["é" * MAX_PIECE + " cat"])[0]
    assert found == [UNKNOWN, UNKNOWN, *reference("cat")]


def test_another_sort_of_tokenizer_is_refused() -> None:
    with pytest.raises(AssetError, match=r"^my.json is a tokenizer of BPE.*BERT's is needed$"):
        WordPieces(small_tokenizer_json(), "my.json")
    with pytest.raises(AssetError, match=r"^my.json is not a tokenizer.json"):
        WordPieces(b"{", "my.json")


def test_tokens_are_spelt_by_their_number() -> None:
    assert PIECEWISE.spelling[:6] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the"]
    assert PIECEWISE.start == 2
    assert np.array(PIECEWISE.spelling)[PIECEWISE.end] == "[SEP]"
