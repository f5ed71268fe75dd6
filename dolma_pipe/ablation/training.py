"""A model for each recipe and seed, all alike but for the data, and what each of them is worth."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import dolma_pipe.train
from dolma_pipe.ablation.settings import AblationSettings
from dolma_pipe.errors import TrainError
from dolma_pipe.manifest import fingerprint
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.train.config import (
    BatchSettings,
    CheckpointSettings,
    DataSettings,
    EvaluationSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainConfig,
)
from dolma_pipe.train.evaluation.compare import compare
from dolma_pipe.train.evaluation.perplexity import Fits
from dolma_pipe.train.meta import checkpoint_folders, read_meta
from dolma_pipe.train.model.presets import shape_of
from dolma_pipe.train.parallel import joined
from dolma_pipe.train.start import start

WARMUP = 0.03
"""Of the tokens."""
LEAST_BATCHES = 8
"""In an epoch: its last batch is smaller, and of few batches that would be a large share."""
UNNAMED = {"name", "out", "data", "device"}
"""What of a config says where something lies, and not what it is."""


class Run(NamedTuple):
    """A training that is finished. tokens: read by it, of which `tokens` asked is the least."""

    folder: Path
    steps: int
    tokens: int


def model_of(settings: AblationSettings, vocab_size: int) -> dict[str, Any]:
    """What train.yaml calls model."""
    length = settings.scale.length
    return {"preset": settings.preset, "vocab_size": vocab_size, "context": length}


def parameters_of(settings: AblationSettings, vocab_size: int) -> int:
    return shape_of(model_of(settings, vocab_size)).parameters


def check_enough(label: str, arrays: TokenArrays, settings: AblationSettings) -> None:
    """Raises TrainError where a recipe gives so little that epochs are hardly any batches."""
    least = LEAST_BATCHES * settings.scale.step_tokens
    if (tokens := arrays.manifest.tokens) < least:
        told = f"{tokens:,} tokens, {least:,} are needed ({LEAST_BATCHES} batches)"
        raise TrainError(f"{label}: {arrays.name} has {told}: give it more documents")


def train(label: str, arrays: TokenArrays, seed: int, settings: AblationSettings) -> Run:
    """Train, go on with what was interrupted, or find what is trained already.

    Raises SystemExit with the code of the signal where one came: what is done is saved.
    """
    config = _config(label, arrays, seed, settings)
    if (found := _finished(config)) is None:
        if signal := start(config):
            raise SystemExit(128 + signal)
        found = _finished(config)
        assert found is not None
    return found


def measure(runs: list[Run], yardstick: Path, settings: AblationSettings) -> list[Fits]:
    """Bits per byte of each run, in fp32."""
    chosen = EvaluationSettings(held_out=str(yardstick))
    folders = [run.folder for run in runs]
    with joined(settings.device) as world:
        found = compare(folders, chosen, world, length=settings.scale.length, precision="fp32")
    fits = [model.held_out for model in found.models.values()]
    return [fit for fit in fits if fit is not None]


def _config(label: str, arrays: TokenArrays, seed: int, settings: AblationSettings) -> TrainConfig:
    """The folder's name has a hash of all that decides what the training comes to."""
    scale = settings.scale
    warmup = max(scale.step_tokens, round(WARMUP * settings.tokens))
    config = TrainConfig(
        name=f"{label}-seed{seed}",
        model=model_of(settings, arrays.manifest.vocab_size),
        data=DataSettings(tokens=str(arrays.folder), length=scale.length, seed=seed),
        batch=BatchSettings(instances=scale.batch),
        tokens=settings.tokens,
        seed=seed,
        optimizer=OptimizerSettings(lr=scale.lr),
        schedule=ScheduleSettings(unit="tokens", warmup=warmup),
        checkpoints=CheckpointSettings(keep_last=1),
        device=settings.device,
    )
    built = msgspec.to_builtins(config)
    with joined(settings.device) as world:
        where = world.device.type
    made = fingerprint(
        {name: value for name, value in built.items() if name not in UNNAMED},
        [scale.length, seed, where, version("torch"), _trainer()],
        [[shard.sha256 for shard in source.shards] for source in arrays.sources()],
    )
    folder = settings.work / "runs" / f"{config.name}-{made[:8]}"
    return msgspec.structs.replace(config, out=str(folder))


def _finished(config: TrainConfig) -> Run | None:
    folders = checkpoint_folders(config.folder)
    if not folders or config.tokens is None:
        return None
    meta = read_meta(folders[-1])
    return Run(config.folder, meta.step, meta.tokens) if meta.tokens >= config.tokens else None


@cache
def _trainer() -> str:
    """A hash of the trainer's source: what another one has trained is not compared."""
    package = Path(dolma_pipe.train.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
