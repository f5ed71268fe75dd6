"""Directories of Hugging Face: ours with transformers, theirs with ours, and damaged ones."""

# ruff: noqa: E402, imports follow importorskip

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError, WorkError
from dolma_pipe.train.config import AttentionSettings
from dolma_pipe.train.model.presets import read_shape
from dolma_pipe.train.model.shape import Strided
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.model.weights import load_weights, save_weights
from tests.train.small_models import (
    SHAPES,
    perturb,
    small_model,
    small_shape,
    some_ids,
    theirs,
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize("kind", SHAPES)
def test_transformers_reads_ours_and_computes_the_same_logits(kind: str, tmp_path: Path) -> None:
    model = small_model(kind, eos_id=3, pad_id=1)
    save_weights(model.state_dict(), model.shape, tmp_path)
    peer = theirs(tmp_path)
    assert type(peer).__name__ == model.shape.to_hf()["architectures"][0]
    assert (peer.config.eos_token_id, peer.config.pad_token_id) == (3, 1)
    with torch.no_grad():
        ours, logits = model(some_ids()), peer(some_ids()).logits
    assert ours.abs().max() > 0.5
    assert torch.equal(ours, logits)


@pytest.mark.parametrize("kind", SHAPES)
def test_ours_reads_what_transformers_wrote_and_computes_the_same(
    kind: str, tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**small_shape(kind, pad_rows_to=100).to_hf())
    peer = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    perturb(peer)
    peer.save_pretrained(tmp_path, max_shard_size="20KB")
    assert not (tmp_path / "model.safetensors").exists()  # in shards
    with torch.device("meta"):
        model = Model(read_shape(tmp_path))
    model.to_empty(device="cpu")
    load_weights(model, tmp_path)
    assert model.shape.rows == 200
    with torch.no_grad():
        assert torch.equal(model(some_ids()), peer(some_ids()).logits)


def test_eager_attention_of_transformers_agrees(tmp_path: Path) -> None:
    model = small_model("olmo3, yarn")
    save_weights(model.state_dict(), model.shape, tmp_path)
    peer = theirs(tmp_path)
    peer.set_attn_implementation("eager")
    with torch.no_grad():
        torch.testing.assert_close(model(some_ids()), peer(some_ids()).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_come_back_as_they_were(dtype: Any, tmp_path: Path) -> None:
    model = small_model("olmo3").to(dtype)
    save_weights(model.state_dict(), model.shape, tmp_path)
    again = Model(read_shape(tmp_path)).to(dtype)
    load_weights(again, tmp_path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert theirs(tmp_path).dtype == dtype
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json"}


def test_the_pattern_and_the_vocabulary_are_restored(tmp_path: Path) -> None:
    asked = AttentionSettings(pattern="strided", block=4, local=1, stride=3)
    model = Model(small_shape(), asked)
    save_weights(model.state_dict(), model.shape, tmp_path)
    again = Model(read_shape(tmp_path))
    load_weights(again, tmp_path)
    assert again.shape.pattern == Strided(block=4, local=1, stride=3)
    assert (again.shape.vocab_size, again.shape.rows) == (200, 256)
    with torch.no_grad():
        assert torch.equal(again(some_ids()), model(some_ids()))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"layers": 4}, "model.layers.3.mlp.down_proj.weight and 6 more are not in its weights"),
        ({"layers": 2}, "'model.layers.2.mlp.down_proj.weight' is no weight"),
        (
            {"intermediate_size": 50},
            "mlp.down_proj.weight is [32, 48], and the model wants [32, 50]",
        ),
        ({"tied": True}, ""),
    ],
)
def test_weights_of_another_shape(other: dict[str, Any], told: str, tmp_path: Path) -> None:
    model = small_model()
    save_weights(model.state_dict(), model.shape, tmp_path)
    different = Model(small_shape(**other))
    if not told:  # older transformers wrote the tied matrix as well
        load_weights(different, tmp_path)
        return
    with pytest.raises(TrainError) as error:
        load_weights(different, tmp_path)
    assert told in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_no_weights_or_damaged_ones(tmp_path: Path) -> None:
    model = small_model()
    with pytest.raises(TrainError, match=r"no weights: neither model.safetensors nor"):
        load_weights(model, tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(TrainError, match=r"index.json: damaged: "):
        load_weights(model, tmp_path)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(TrainError, match=r"model-00001-of-00002.safetensors is missing"):
        load_weights(model, tmp_path)
    save_weights(model.state_dict(), model.shape, tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TrainError, match="not readable as safetensors"):
        load_weights(model, tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = small_model()
    with pytest.raises(WorkError, match="cannot write"):
        save_weights(model.state_dict(), model.shape, tmp_path / "file")
