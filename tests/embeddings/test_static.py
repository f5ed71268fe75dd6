"""Static models: the mean of token vectors, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.embeddings import Embedder, load_embedder
from dolma_pipe.embeddings.static import StaticEmbedder, read_static, write_static
from dolma_pipe.errors import AssetError
from tests.embeddings.models import WORDS, tokenizer_json, vocabulary, write_tiny_static
from tests.slow.cosine import unit_vector
from tests.texts import packed, texts, texts_of


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return load_embedder(write_tiny_static(tmp_path_factory.mktemp("model")))


def by_hand(model: str, document: str) -> list[int]:
    from tokenizers import Tokenizer

    rows, tokenizer = read_static(Path(model))
    reference = Tokenizer.from_str(tokenizer.decode())
    reference.encode_special_tokens = True
    ids = reference.encode(document, add_special_tokens=False).ids
    used = [rows[i].tolist() for i in ids if i != 1]
    return unit_vector([sum(column) for column in zip(*used, strict=True)] or [0] * rows.shape[1])


@given(st.lists(st.one_of(texts, texts_of(*WORDS)), max_size=4))
def test_is_the_mean_of_the_token_vectors(tiny: Embedder, documents: list[str]) -> None:
    found = tiny.embed(*packed(documents, "before"))
    assert found.tolist() == [by_hand(tiny.name, document) for document in documents]


def test_nothing_to_embed_is_a_row_of_zeros(tiny: Embedder) -> None:
    found = tiny.embed(*packed(["", " \n", "☃", "cat"]))
    assert found.any(axis=1).tolist() == [False, False, False, True]


def test_sums_do_not_overflow(tmp_path: Path) -> None:
    vectors = np.ones((len(vocabulary()), 3))
    write_static(tmp_path / "ones.npz", vectors, tokenizer_json())
    embedder = load_embedder(str(tmp_path / "ones.npz"))
    found = embedder.embed(*packed(["cat dog " * 200_000]))
    assert found.tolist() == [unit_vector([1, 1, 1])]


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    one, other = write_tiny_static(tmp_path / "a"), write_tiny_static(tmp_path / "b")
    assert Path(one).read_bytes() == Path(other).read_bytes()


@pytest.mark.parametrize("content", [b"", b"no model at all", b"PK\x03\x04broken"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my.npz"
    path.write_bytes(content)
    with pytest.raises(AssetError, match=r"my\.npz is not a static model"):
        load_embedder(str(path))


def test_arrays_of_another_sort_are_refused(tmp_path: Path) -> None:
    for arrays in ({"rows": np.ones((3, 2))}, {"rows": np.ones((3, 2)), "tokenizer": np.ones(3)}):
        np.savez(tmp_path / "my.npz", **arrays)
        with pytest.raises(AssetError, match="is not a static model"):
            read_static(tmp_path / "my.npz")


def test_too_few_vectors_for_the_tokenizer(tmp_path: Path) -> None:
    write_static(tmp_path / "my.npz", np.ones((5, 2)), tokenizer_json())
    with pytest.raises(AssetError, match=rf"has 5 vectors for {len(vocabulary())} tokens"):
        StaticEmbedder(tmp_path / "my.npz", "my", "")
