"""Tunings by the loop: adapters alone are saved, and all of it goes on bit by bit."""
# ruff: noqa: E402, imports follow importorskip

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from safetensors.torch import load_file

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import parse_config
from dolma_pipe.train.evaluation.models import find_models, load_model
from dolma_pipe.train.start import start
from dolma_pipe.train.tuning.deltas import start_of_deltas
from dolma_pipe.train.tuning.merging import merge_checkpoint
from dolma_pipe.train.tuning.weights import model_weights
from tests.train.small_runs import small_config, write_language
from tests.train.tuned import adapted_model, small_model, write_adapted, write_whole

LORA = {"rank": 8, "targets": ["q_proj", "v_proj", "down_proj"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run of three steps."""
    write_language(tmp_path / "tokens")
    start(small_config(tmp_path, steps=3))
    return tmp_path


def tune(root: Path, out: str, **more: Any) -> None:
    """Five steps from the last checkpoint of `run`, three of which make a checkpoint."""
    base = {"model": {}, "start": str(root / "run" / "step3"), "checkpoints": {"every": 2}}
    start(small_config(root, **{**base, "steps": 5, "out": str(root / out), **more}))


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["train/CrossEntropyLoss"] for line in lines if "optim/learning_rate" in line]


def weights(folder: Path) -> dict[str, Any]:
    return dict(model_weights(folder))


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_lora_training_saves_adapters_and_says_what_it_trains(root: Path) -> None:
    tune(root, "lora", lora=LORA)
    step = root / "lora" / "step4"
    assert not (step / "model.safetensors").exists()
    assert {"adapter_model.safetensors", "base.json", "config.json", "meta.json", "train"} <= {
        path.name for path in step.iterdir()
    }
    assert "3,584 of 28,160 parameters are trained" in (root / "lora" / "log.txt").read_text()
    before, after = weights(root / "run" / "step3"), weights(step)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[-2] for name in changed} == set(LORA["targets"])


def test_a_resumed_lora_training_is_the_same_bit_by_bit(root: Path) -> None:
    tune(root, "lora", lora=LORA)
    shutil.copytree(root / "lora", root / "again")
    shutil.rmtree(root / "again" / "step5")
    tune(root, "again", lora=LORA)
    found, expected = (
        load_file(root / run / "step5" / "adapter_model.safetensors") for run in ("again", "lora")
    )
    assert same(found, expected)
    assert losses(root / "again") == losses(root / "lora")


def test_adapters_are_a_start_and_a_model_to_evaluate(root: Path) -> None:
    tune(root, "lora", lora=LORA)
    step, merged = root / "lora" / "step5", root / "merged"
    merge_checkpoint(step, merged)
    tune(root, "from-adapters", start=str(step))
    tune(root, "from-merged", start=str(merged))
    assert losses(root / "from-adapters") == losses(root / "from-merged")
    assert losses(root / "from-adapters")[0] < losses(root / "lora")[0]
    [model] = find_models([step])
    loaded = dict(load_model(model, torch.device("cpu")).named_parameters())
    assert same(loaded, weights(merged))


def test_a_run_with_adapters_goes_on_with_adapters_only(root: Path) -> None:
    tune(root, "lora", lora=LORA)
    with pytest.raises(TrainError, match="step5 has adapters alone, unlike `lora`"):
        tune(root, "lora", steps=7)
    shutil.rmtree(root / "run" / "step3")
    with pytest.raises(TrainError, match=r"base is not at|no checkpoint"):
        tune(root, "lora", lora=LORA, steps=7)


def test_old_checkpoints_become_deltas_and_load(root: Path) -> None:
    tune(root, "whole")
    tune(root, "packed", checkpoints={"every": 2, "delta": True})
    for step in (2, 4):
        folder = root / "packed" / f"step{step}"
        assert (folder / "model.delta").is_file()
        assert not (folder / "model.safetensors").exists()
        assert same(weights(folder), weights(root / "whole" / f"step{step}"))
    shutil.copytree(root / "packed", root / "again")
    tune(root, "again", steps=6, checkpoints={"every": 2, "delta": True})
    tune(root, "whole", steps=6)
    assert same(weights(root / "again" / "step6"), weights(root / "whole" / "step6"))


def test_what_cannot_be_a_base_is_told_before_the_first_step(tmp_path: Path) -> None:
    half = write_whole(tmp_path / "half", small_model().bfloat16())
    with pytest.raises(TrainError, match=r"checkpoints\.delta: .*half: weights are BF16"):
        start_of_deltas(half)
    adapters = write_adapted(tmp_path / "lora" / "step1", adapted_model(), half)
    with pytest.raises(TrainError, match="step1 has adapters alone: dolma-pipe checkpoints merge"):
        start_of_deltas(adapters)


@pytest.mark.parametrize("more", [{}, {"start": "base", "lora": {}}])
def test_deltas_need_whole_weights_to_differ_from(more: dict[str, Any]) -> None:
    given = {"name": "sft", "model": "olmo-1m", "data": {"tokens": "tokens"}, **more}
    with pytest.raises(TrainError, match=r"checkpoints\.delta: needs `start`, and whole weights"):
        parse_config({**given, "checkpoints": {"delta": True}})
    assert not parse_config(given).checkpoints.delta
