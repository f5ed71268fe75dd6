"""train.yaml: what it may say, and what is refused in one line."""

from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.errors import TrainError, UserError
from dolma_pipe.train.config import TrainConfig, parse_config, read_config

SMALL = {"name": "a", "model": "olmo-1m", "data": {"tokens": "work/a"}}


def config(**more: Any) -> TrainConfig:
    return parse_config({**SMALL, **more})


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(
        "name: no\nmodel: olmo-1m\ndata: {tokens: a}\noptimizer: {lr: 3e-4}\ntokens: 2_000_000\n"
    )
    found = read_config(path)
    assert (found.name, found.optimizer.lr, found.tokens) == ("no", 3e-4, 2_000_000)
    assert found.folder == Path("runs/no")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"optimiser": {}}, "train.yaml: unknown key 'optimiser' (did you mean 'optimizer'?)"),
        ({"optimizer": {"learning_rate": 1}}, "optimizer: unknown key 'learning_rate' (known: "),
        ({"optimizer": {"name": "adam"}}, "optimizer.name: unknown value 'adam' (did you mean 'ad"),
        ({"batch": {"instances": 0}}, "batch.instances: expected `int` >= 1"),
        ({"steps": 5, "tokens": 5}, "steps and tokens: one of them says"),
        ({"model": {}}, "model: a preset is needed"),
        ({"optimizer": {"betas": [0.9, 1.0]}}, "optimizer.betas.1: expected `float` < 1"),
        ({"lora": {"targets": []}, "start": "a"}, "lora.targets: expected `array` of length >= 1"),
        ({"lora": {}}, "lora: adapters need a model to adapt: start"),
        ({"lora": {}, "start": "a", "precision": "fp8"}, "fp8 does not go with lora"),
        ({"data": {"tokens": "a", "view": "packed"}}, "data.plan: goes with view: packed"),
        ({"data": {"tokens": "a", "plan": "p"}}, "data.plan: goes with view: packed"),
        ({"name": "../a"}, "name: expected `str` matching regex"),
    ],
)
def test_what_does_not_fit_is_one_line(more: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as failure:
        config(**more)
    assert told in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("name: a\nmodel: [\n")
    with pytest.raises(TrainError, match=r"train\.yaml: line \d"):
        read_config(path)
    with pytest.raises(TrainError, match=r"absent\.yaml: cannot be read"):
        read_config(tmp_path / "absent.yaml")
