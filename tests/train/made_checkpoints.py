"""Small runs and checkpoints, their weights written as the format says and not by us."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.train.meta import Meta, write_meta

Patterns = Mapping[str, tuple[str, np.ndarray]]
"""dtype as safetensors files call it (BF16), and bit patterns."""


def bf16(values: np.ndarray) -> np.ndarray:
    """Bit patterns of float32 values, rounded to the nearest even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def made_weights(change: float = 0.0, *, seed: int = 0, sizes: int = 1) -> dict[str, Any]:
    """A few parameters in bf16, fp32 and int64, moved by noise of std `change`."""
    first, noise = np.random.default_rng(1), np.random.default_rng(seed)

    def values(*shape: int) -> np.ndarray:
        moved = change * noise.normal(0, 1, shape)
        return (first.normal(0, 0.02, shape) + moved).astype(np.float32)

    return {
        "model.embed_tokens.weight": ("BF16", bf16(values(50 * sizes, 32))),
        "model.layers.0.mlp.up_proj.weight": ("BF16", bf16(values(64 * sizes, 32))),
        "model.norm.weight": ("F32", values(32).view(np.uint32)),
        "model.steps": ("I64", np.arange(3, dtype=np.uint64)),
    }


def write_weights(path: Path, patterns: Patterns) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, bits) in patterns.items():
        offsets = [end, end := end + bits.nbytes]
        header[name] = {"dtype": dtype, "shape": list(bits.shape), "data_offsets": offsets}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    data = b"".join(bits.tobytes() for _, bits in patterns.values())
    path.write_bytes(struct.pack("<Q", len(told)) + told + data)


def write_shards(folder: Path, shards: list[Patterns]) -> None:
    """Several files and the index that transformers writes."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for number, patterns in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_weights(folder / name, patterns)
        places |= dict.fromkeys(patterns, name)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"model_type": "olmo2"}')


def made_meta(step: int, **others: Any) -> Meta:
    given: dict[str, Any] = {
        "step": step,
        "tokens": step * 2048,
        "loss": 3.25,
        "lr": 3e-4,
        "epoch": 0,
        "instances": step,
        "data_sha256": "0" * 64,
        "tokenizer": None,
        "world": 1,
        "created": "2026-01-31T23:59:59+00:00",
        "config": {"name": "made", "optimizer": {"lr": 3e-4}},
    }
    return Meta(**given | others)


def make_checkpoint(
    folder: Path, step: int, patterns: Patterns, *, optimizer: int = 1000, **meta: Any
) -> Path:
    """A whole checkpoint as the loop writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "model.safetensors", patterns)
    (folder / "config.json").write_text('{"model_type": "olmo2", "hidden_size": 32}')
    write_meta(folder, made_meta(step, **meta))
    if optimizer:
        (folder / "train").mkdir()
        (folder / "train" / "__0_0.distcp").write_bytes(bytes(optimizer))
        (folder / "train" / ".metadata").write_bytes(b"states")
    return folder


def make_run(run: Path, steps: tuple[int, ...] = (100, 200, 300), *, sizes: int = 1) -> Path:
    """Checkpoints a small change apart."""
    for step in steps:
        weights = made_weights(step * 1e-6, seed=step, sizes=sizes)
        make_checkpoint(run / f"step{step}", step, weights)
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder by path, hidden ones, too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
