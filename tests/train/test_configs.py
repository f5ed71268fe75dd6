"""The shipped train.yaml files: they parse, fit their models, and have the published numbers."""

from pathlib import Path

import pytest

from dolma_pipe.train.config import read_config
from dolma_pipe.train.model.presets import shape_of

FOLDER = Path(__file__).parent.parent.parent / "configs" / "train"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_parses_and_names_a_model(path: Path) -> None:
    config = read_config(path)
    assert config.name == path.stem
    assert config.start or shape_of(config.model).parameters


@pytest.mark.parametrize(
    ("name", "lr", "schedule", "warmup", "batch", "tokens"),
    [
        ("olmo-1b", 4e-4, "cosine", 2000, (2048, 2048), 3e12),
        ("olmo-7b", 3e-4, "linear", 5000, (2048, 2048), 2e12),
        ("olmo3-7b", 3e-4, "cosine", 2000, (512, 8192), 5.93e12),
    ],
)
def test_the_published_recipes(
    name: str, lr: float, schedule: str, warmup: int, batch: tuple[int, int], tokens: float
) -> None:
    config = read_config(FOLDER / f"{name}.yaml")
    found = config.schedule
    assert (config.optimizer.lr, found.shape, found.warmup) == (lr, schedule, warmup)
    assert (found.start, found.end) == (0.1, 0.1)
    assert (config.batch.instances, config.data.length) == batch
    assert config.tokens == tokens
    assert config.optimizer.betas == (0.9, 0.95)
    assert (config.optimizer.weight_decay, config.optimizer.clip) == (0.1, 1.0)
