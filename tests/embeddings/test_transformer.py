"""Transformers: the network against one by the book, chunks, and what a vector depends on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.embeddings import Embedder, load_bert, load_embedder, model_assets
from dolma_pipe.embeddings.transformer import chunks_of
from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.kernels.jit import F32, I64
from tests.embeddings.models import bert_weights, tokenizer_json, write_tiny_bert
from tests.slow.bert import mean_of_last_layer
from tests.slow.cosine import unit_vector
from tests.texts import packed

pytest.importorskip("torch")
START, END = 2, 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_bert(tmp_path_factory.mktemp("bert"))


def tokens_of(document: str) -> list[int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json().decode())
    return list(tokenizer.encode(document, add_special_tokens=False).ids)


def by_the_book(tokens: list[int]) -> list[int]:
    weights = {name: w.astype(np.float64) for name, w in bert_weights(16, 32).items()}
    return unit_vector(mean_of_last_layer(weights, [START, *tokens, END], heads=2).tolist())


def test_the_network_is_bert(tiny: str) -> None:
    documents = ["the cat sat", "blue, river! 你 x", "☃", ""]
    found = load_embedder(tiny, "cpu", chunk=32).embed(*packed(documents))
    expected = [by_the_book(tokens_of(d)) for d in documents[:-1]] + [[0] * 16]
    assert np.abs(found - np.array(expected)).max() <= 1


def test_a_long_document_is_the_mean_of_its_chunks_by_length(tiny: str) -> None:
    document = "the cat sat. a dog run. the river, blue tree"  # 13 tokens
    tokens = tokens_of(document)
    parts = [tokens[:6], tokens[6:12], tokens[12:]]
    summed = np.sum([np.array(by_the_book(part)) * len(part) for part in parts], axis=0)
    found = load_embedder(tiny, "cpu", chunk=8).embed(*packed([document]))
    assert np.abs(found - unit_vector(summed.tolist())).max() <= 1


def test_more_chunks_than_allowed_are_spread_evenly() -> None:
    starts, ends, whose = chunks_of(np.array([0, 5, 5, 105]), 10, 4)
    assert whose.tolist() == [0, 2, 2, 2, 2]
    assert starts.tolist() == [0, 5, 35, 65, 95]
    assert (ends - starts).tolist() == [5, 10, 10, 10, 10]
    assert chunks_of(np.array([0, 100]), 10, 1)[0].tolist() == [0]


def test_a_vector_depends_on_its_own_document_alone(tiny: str) -> None:
    """On a CPU to the last bit, whatever the batch."""
    documents = [" ".join(["the cat", "blue"] * n) + ", a dog" for n in (1, 9, 2, 30, 4, 4, 0)]
    embedder: Embedder = load_embedder(tiny, "cpu", chunk=16)
    together = embedder.embed(*packed(documents))
    alone = [embedder.embed(*packed([document]))[0].tolist() for document in documents]
    assert together.tolist() == alone


def test_on_a_cpu_chunks_go_one_by_one(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the promise above hold for networks whose rounding depends on the batch."""
    from dolma_pipe.embeddings.bert import Bert

    shapes, real = [], Bert.embed

    def noted(self: Bert, tokens: I64, lengths: I64) -> F32:
        shapes.append((*tokens.shape, *lengths.tolist()))
        return real(self, tokens, lengths)

    monkeypatch.setattr(Bert, "embed", noted)
    load_embedder(tiny, "cpu", chunk=16).embed(*packed(["the cat", "blue", "a dog run"]))
    assert sorted(shapes) == [(1, 3, 3), (1, 4, 4), (1, 5, 5)]


def test_chunks_of_other_lengths_together_as_on_a_gpu(tiny: str) -> None:
    bert = load_bert(model_assets(tiny), "cpu")
    chunks = [[2, 5, 6, 7, 3], [2, 9, 3], [2, 8, 8, 8, 8, 8, 3]]
    batch = np.zeros((3, 7), np.int64)
    for row, chunk in zip(batch, chunks, strict=True):
        row[: len(chunk)] = chunk
    together = bert.embed(batch, np.array([5, 3, 7]))
    for found, chunk in zip(together, chunks, strict=True):
        alone = bert.embed(np.array([chunk]), np.array([len(chunk)]))[0]
        assert np.allclose(found, alone, atol=1e-4)


def test_settings_are_in_the_fingerprint(tiny: str, tmp_path: Path) -> None:
    other = write_tiny_bert(tmp_path / "other", width=20)
    models = [
        load_embedder(tiny, "cpu", chunk=16),
        load_embedder(tiny, "cpu", chunk=32),
        load_embedder(tiny, "cpu", chunk=16, chunks=2),
        load_embedder(other, "cpu", chunk=16),
    ]
    assert len({model.fingerprint for model in models}) == len(models)


def test_what_is_no_bert_is_named(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="takes 32 tokens, chunk is 33"):
        load_embedder(tiny, "cpu", chunk=33)
    folder = Path(write_tiny_bert(tmp_path / "broken"))
    (folder / "config.json").write_text("{}")
    with pytest.raises(AssetError, match=r"config.json is not the configuration of a BERT model"):
        load_embedder(str(folder), "cpu", chunk=16)
    (folder / "config.json").write_text('{"num_attention_heads": 2}')
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(AssetError, match=r"model.safetensors is not a BERT model"):
        load_embedder(str(folder), "cpu", chunk=16)


def _without_layers(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: w for name, w in weights.items() if "layer." not in name}


def _without_one(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: w for name, w in weights.items() if name != "encoder.layer.1.output.dense.bias"}


def _of_another_width(weights: dict[str, Any]) -> dict[str, Any]:
    name = "embeddings.position_embeddings.weight"
    return {**weights, name: weights[name][:, :8].copy()}


def _of_few_tokens(weights: dict[str, Any]) -> dict[str, Any]:
    name = "embeddings.word_embeddings.weight"
    return {**weights, name: weights[name][:20].copy()}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without_layers, "0 layers"),
        (_without_one, "there is no 'encoder.layer.1.output.dense.bias'"),
        (_of_another_width, "is not a BERT model"),
        (_of_few_tokens, "has 20 vectors for 109 tokens"),
    ],
)
def test_weights_that_do_not_fit_are_told(tmp_path: Path, change: Any, told: str) -> None:
    from safetensors.numpy import save_file

    folder = write_tiny_bert(tmp_path)
    save_file(change(bert_weights(16, 32)), tmp_path / "model.safetensors")
    with pytest.raises(AssetError, match=told):
        load_embedder(folder, "cpu", chunk=32)


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_fit_are_told(tmp_path: Path, heads: int) -> None:
    folder = write_tiny_bert(tmp_path)
    (tmp_path / "config.json").write_text(f'{{"num_attention_heads": {heads}}}')
    with pytest.raises(AssetError, match=f"16 dimensions in {heads} heads"):
        load_embedder(folder, "cpu", chunk=32)
