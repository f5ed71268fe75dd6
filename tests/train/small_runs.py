"""Small trainings: arrays of a language that can be learnt, a tiny model, a config for both."""

from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.tokens import TokenArrays
from dolma_pipe.train.config import TrainConfig, parse_config
from tests.token_arrays import write_arrays

VOCABULARY, EOS = 60, 0
MODEL = {
    "preset": "olmo-1m",
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "layers": 2,
    "heads": 2,
    "intermediate_size": 64,
}


def write_language(folder: Path, documents: int = 60, seed: int = 1) -> TokenArrays:
    """Two sources of documents that count up by 1 or by 3 from anywhere, with an EOS each."""
    draw = np.random.default_rng(seed)

    def document(step: int) -> list[int]:
        first, count = draw.integers(0, VOCABULARY - 1), draw.integers(3, 40)
        return [*((first + step * np.arange(count)) % (VOCABULARY - 1) + 1).tolist(), EOS]

    sources = {"ones": [[document(1) for _ in range(documents)]] * 1}
    sources["threes"] = [[document(3) for _ in range(documents // 2)] for _ in range(2)]
    return write_arrays(folder, sources, VOCABULARY, EOS)


def small_config(root: Path, **more: Any) -> TrainConfig:
    """Of the arrays in root/tokens; what is given is laid over it, sections one by one."""
    given: dict[str, Any] = {
        "name": "small",
        "model": MODEL,
        "data": {"tokens": str(root / "tokens"), "length": 16},
        "batch": {"instances": 8, "micro": 4},
        "steps": 6,
        "optimizer": {"lr": 1e-2},
        "schedule": {"warmup": 2},
        "device": "cpu",
        "out": str(root / "run"),
    }
    for name, value in more.items():
        both = isinstance(value, dict) and isinstance(given.get(name), dict)
        given[name] = {**given[name], **value} if both and name != "model" else value
    return parse_config({key: value for key, value in given.items() if value is not None})
