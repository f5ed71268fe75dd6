"""Models by name, and the shape that train.yaml asks for; no torch."""

from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import TrainError, UserError
from dolma_pipe.settings import nearest, one_line, settle
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.work import read_json


def _ladder(hidden_size: int, layers: int, heads: int, **other: Any) -> ModelShape:
    """OLMo 1 with SwiGLU of 4 times the width and tied embeddings."""
    shape = {"vocab_size": 50280, "context": 2048, "intermediate_size": 4 * hidden_size} | other
    return ModelShape(
        family="olmo",
        hidden_size=hidden_size,
        layers=layers,
        heads=heads,
        rope_theta=10_000.0,
        tied=shape.pop("tied", True),
        norm_eps=1e-5,
        **shape,
    )


def _reordered(family: Any, hidden_size: int, layers: int, width: int, **other: Any) -> ModelShape:
    """OLMo 2 and 3, with the tokenizer dolma2 (100278 ids)."""
    return ModelShape(
        family=family,
        vocab_size=100278,
        hidden_size=hidden_size,
        layers=layers,
        heads=hidden_size // 128,
        intermediate_size=width,
        rope_theta=500_000.0,
        tied=False,
        norm_eps=1e-6,
        **other,
    )


PRESETS = {
    "olmo-1m": _ladder(128, 2, 4, vocab_size=4096, context=512),
    "olmo-20m": _ladder(256, 8, 8),
    "olmo-60m": _ladder(512, 8, 8),
    "olmo-150m": _ladder(768, 12, 12),
    "olmo-300m": _ladder(1024, 16, 16),
    "olmo-700m": _ladder(1536, 16, 16),
    "olmo-1b": _ladder(2048, 16, 16),
    "olmo-7b": _ladder(4096, 32, 32, intermediate_size=11008, tied=False),
    "olmo2-1b": _reordered("olmo2", 2048, 16, 8192, context=4096),
    "olmo2-7b": _reordered("olmo2", 4096, 32, 11008, context=4096),
    "olmo3-7b": _reordered("olmo3", 4096, 32, 11008, context=8192, sliding_window=4096),
}
"""From 1M (a vocabulary of 4096, for CPUs) to 7B, as published (Groeneveld et al. 2024, OLMo 2
2024, OLMo 3 2025); the small ones share OLMo-1B's proportions."""


def shape_of(model: str | dict[str, Any], start: Path | None = None) -> ModelShape:
    """A preset by name; {preset: olmo-20m, layers: 2, ...}; or with start the shape of that
    checkpoint, ours or a Hugging Face directory, where the keys of model change what they name.

    Raises TrainError: an unknown preset or key with the nearest name, numbers that do not fit.
    """
    given = {"preset": model} if isinstance(model, str) else dict(model)
    if (preset := given.pop("preset", None)) is not None:
        if (name := str(preset)) not in PRESETS:
            raise TrainError(f"model: unknown preset '{name}'{nearest(name, list(PRESETS))}")
        given = msgspec.to_builtins(PRESETS[name]) | given
    elif start is not None:
        given = msgspec.to_builtins(read_shape(start)) | given
    try:
        return settle(given, ModelShape, "model")
    except TrainError:
        raise
    except UserError as error:
        raise TrainError(one_line(error)) from None


def read_shape(folder: Path) -> ModelShape:
    """The shape of a checkpoint. Raises TrainError without a config.json that we understand."""
    path = folder / "config.json"
    if not path.is_file():
        raise TrainError(f"{folder}: no checkpoint: there is no config.json in it")
    try:
        config = read_json(path)
        if not isinstance(config, dict):
            raise TrainError("not a JSON object")
        return ModelShape.from_hf(config)
    except UserError as error:
        raise TrainError(f"{path}: {one_line(error)}") from None
    except (AttributeError, TypeError) as error:  # a list where an object should be, and so on
        raise TrainError(f"{path}: not as transformers writes it: {one_line(error)}") from None
