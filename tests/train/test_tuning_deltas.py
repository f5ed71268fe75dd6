"""Checkpoints of a tuning with all weights: deltas against the weights that it started with."""
# ruff: noqa: E402, imports follow importorskip

import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.publish import published
from dolma_pipe.train.config import parse_config
from dolma_pipe.train.tuning.deltas import save_as_delta, start_of_deltas
from dolma_pipe.train.tuning.weights import load_model_weights
from dolma_pipe.train.weights import save_weights
from tests.train.tuned import (
    adapted_model,
    small_model,
    write_adapted,
    write_whole,
)


def tuned() -> Any:
    model = small_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 1e-5)
    return model


def test_a_checkpoint_is_saved_and_loaded_as_a_delta(tmp_path: Path) -> None:
    start = write_whole(tmp_path / "base", small_model())
    model, against = tuned(), start_of_deltas(start)
    step = tmp_path / "sft" / "step10"
    with published(step) as folder:
        save_weights(dict(model.named_parameters()), model.shape, folder)
        whole = (folder / "model.safetensors").stat().st_size
        (folder / "train").mkdir()
        (folder / "train" / "state").write_bytes(b"optimizer")
        save_as_delta(folder, against)
    names = {path.name for path in step.iterdir()}
    assert names == {"model.delta", "config.json", "train"}
    assert (step / "model.delta").stat().st_size < 0.8 * whole
    assert (step / "train" / "state").read_bytes() == b"optimizer"
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "base", tmp_path / "elsewhere" / "base")
    shutil.move(tmp_path / "sft", tmp_path / "elsewhere" / "sft")
    found = small_model(9)
    load_model_weights(found, tmp_path / "elsewhere" / "sft" / "step10")
    for name, parameter in model.named_parameters():
        assert torch.equal(found.get_parameter(name), parameter), name


def test_what_cannot_be_a_base_is_told_before_the_first_step(tmp_path: Path) -> None:
    half = write_whole(tmp_path / "half", small_model().bfloat16())
    with pytest.raises(TrainError, match=r"checkpoints\.delta: .*half: weights are BF16"):
        start_of_deltas(half)
    adapters = write_adapted(tmp_path / "lora" / "step1", adapted_model(), half)
    with pytest.raises(TrainError, match="step1 has adapters alone: dolma-pipe checkpoints merge"):
        start_of_deltas(adapters)


@pytest.mark.parametrize("more", [{}, {"start": "base", "lora": {}}])
def test_the_setting_needs_whole_weights_to_differ_from(more: dict[str, Any]) -> None:
    given = {"name": "sft", "model": "olmo-1m", "data": {"tokens": "tokens"}, **more}
    with pytest.raises(TrainError, match=r"checkpoints\.delta: needs `start`, and whole weights"):
        parse_config({**given, "checkpoints": {"delta": True}})
    assert not parse_config(given).checkpoints.delta
