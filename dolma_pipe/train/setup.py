"""What a training is made of: data, model, optimizer, schedule, metrics, and where it is."""

import os
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec
import torch

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoint import Weights, load_optimizer, save_optimizer
from dolma_pipe.train.checkpoints.delta import is_delta
from dolma_pipe.train.checkpoints.packing import Against, pack
from dolma_pipe.train.checkpoints.publish import published
from dolma_pipe.train.checkpoints.retention import remove_leftovers, remove_old
from dolma_pipe.train.config import DataSettings, TrainConfig
from dolma_pipe.train.data import Instances, open_instances
from dolma_pipe.train.data.batches import Batches, Position
from dolma_pipe.train.evaluation.evaluator import Evaluator
from dolma_pipe.train.feed import MICRO, START, Feed, Step
from dolma_pipe.train.fitting import fitting_shape, same_model
from dolma_pipe.train.loss import loss_sums
from dolma_pipe.train.meta import (
    Meta,
    checkpoint_folders,
    checkpoint_name,
    commit_of,
    read_meta,
    write_meta,
)
from dolma_pipe.train.metrics.peaks import peak_flops
from dolma_pipe.train.metrics.writer import Metrics
from dolma_pipe.train.model.fp8 import use_fp8
from dolma_pipe.train.model.transformer import Model, decays
from dolma_pipe.train.optimizer import Optimizers, Skipper
from dolma_pipe.train.parallel import Parallel, World
from dolma_pipe.train.schedule import Progress, Schedule
from dolma_pipe.train.tuning.deltas import start_of_deltas
from dolma_pipe.train.tuning.lora import add_adapters, trained_told

TOLD_DOCUMENTS = 5
BEGIN = Progress(0, 0)


class Training:
    """Everything that the loop uses. at: steps and tokens done; position: of the data."""

    def __init__(self, config: TrainConfig, world: World) -> None:
        """Opens the data and makes the model, without weights yet. Raises UserError."""
        self.config, self.world = config, world
        self.instances = opened(config.data)
        self.shape = fitting_shape(config, self.instances)
        self.end = ending(config, self.instances)
        self.schedule = Schedule(config.schedule, self.end)
        self.precision = config.precision or ("bf16" if world.device.type == "cuda" else "fp32")
        with torch.device("meta"):
            self.model = Model(self.shape, config.attention, recompute=config.recompute)
        if self.precision == "fp8":
            use_fp8(self.model, world.device)
        if config.lora:
            add_adapters(self.model, config.lora, config.seed)
        self.parallel = Parallel(self.model, world, config.parallel, bf16=self.precision != "fp32")
        dtype = torch.float32 if self.precision == "fp32" else torch.bfloat16
        documents = self.instances.masks_documents
        self.attention = self.model.self_test(world.device, documents, dtype)
        self.optimizers = Optimizers(self.model.named_parameters(), decays, config.optimizer)
        self.skipper = Skipper(config.optimizer.skip_sigma, config.optimizer.skip_window)
        self.loss_sums = torch.compile(loss_sums) if config.compile else loss_sums
        self.weights = Weights(self.parallel, config, self.instances)
        self.evaluator = Evaluator(
            self.config.evaluation,
            length=self.instances.length,
            vocab_size=self.shape.vocab_size,
            eos_id=self.instances.eos_id,
            stamp=self.instances.tokenizer,
            near=[path.parent for path in [self.instances.tokenizer_file] if path],
        )
        self.at, self.position = BEGIN, START
        self.loss: float | None = None
        self.commit = commit_of(Path()) if world.is_main else None
        self._base: Against | None = None

    def begin(self) -> None:
        """Weights: of the last checkpoint of this run, else those that a training starts with."""
        folder, world = self.config.folder, self.world
        if world.is_main:
            remove_leftovers(folder)
            if self.config.checkpoints.delta and self.config.start is not None:
                self._base = start_of_deltas(Path(self.config.start))
        found = checkpoint_folders(folder)
        if found:
            self._resume(found[-1])
        else:
            self.weights.first()
        self.parallel.ready(compiled=self.config.compile)
        self.metrics = Metrics(
            folder,
            self.config.metrics,
            world,
            total_steps=self.end.step,
            total_tokens=self.end.tokens,
            step=self.at.step,
            tokens=self.at.tokens,
            flops_per_token=self.shape.flops(self.instances.length),
            peak_flops=peak_flops(device_name(world)),
        )

    def _resume(self, folder: Path) -> None:
        """Go on where a checkpoint was saved. Raises TrainError where the data are others."""
        meta = read_meta(folder)
        if meta.data_sha256 != self.instances.sha256 or meta.seed != self.config.data.seed:
            raise TrainError(
                f"{folder} was trained on other data, or in another order (data.tokens, view,"
                " length, seed): give the run another name, or start from it (start)"
            )
        same_model(folder, self.model.shape)
        self.weights.load(folder)
        load_optimizer(folder, self.parallel, self.optimizers)
        self.skipper.load(meta.skip_window)
        self.at, self.loss = Progress(meta.step, meta.tokens), meta.loss
        self.position = Position(meta.epoch, meta.instances)
        self.end = ending(self.config, self.instances, self.at, self.position)
        self.schedule = Schedule(self.config.schedule, self.end)

    def save(self) -> Path:
        """Write a checkpoint and remove those that are not to be kept; all processes call it."""
        config, world = self.config, self.world
        meta = self._meta()
        folder = config.folder / checkpoint_name(meta, config.checkpoints.names)
        with self.metrics.pause():
            with published(folder, main=world.is_main, wait=world.wait) as temporary:
                self.weights.save(temporary)
                save_optimizer(temporary, self.parallel, self.optimizers)
                if world.is_main:
                    write_meta(temporary, meta)
            if world.is_main:
                self._pack_old()
                remove_old(
                    config.folder, config.checkpoints.keep_last, config.checkpoints.keep_every
                )
        self.metrics.say(f"step {meta.step:,} saved to {folder}")
        return folder

    def _pack_old(self) -> None:
        """All checkpoints but the newest become deltas against `start`, where that is asked for."""
        if self._base is not None:
            for folder in checkpoint_folders(self.config.folder)[:-1]:
                if not is_delta(folder):
                    pack(folder, self._base, None)

    def _meta(self) -> Meta:
        stamp = self.instances.tokenizer
        return Meta(
            step=self.at.step,
            tokens=self.at.tokens,
            loss=self.loss,
            lr=self.optimizers.lr,
            epoch=self.position.epoch,
            instances=self.position.instances,
            seed=self.config.data.seed,
            data_sha256=self.instances.sha256,
            tokenizer=stamp,
            world=self.world.size,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            git=self.commit,
            skip_window=self.skipper.state(),
            config=msgspec.to_builtins(self.config),
        )

    def evaluate(self) -> None:
        """Held-out text and tasks, where they are asked for; all processes call it."""
        if not (self.config.evaluation.held_out or self.config.evaluation.tasks):
            return
        with self.metrics.pause(), self.autocast():
            found = self.evaluator.run(self.parallel.call, self.world)
            self.parallel.end_of_evaluation()
        self.metrics.evaluated(found)

    def described(self) -> list[str]:
        """What is trained, on what, for how long: before the first step."""
        parameters, data = self.shape.parameters, self.instances
        trained = f"; {trained_told(self.model)}" if self.config.lora else ""
        epochs = self.end.tokens / data.length / len(data)
        told = [
            f"model: {self.shape.family}, {parameters:,} parameters, {self.shape.layers} layers of"
            f" {self.shape.hidden_size}, {self.shape.rows:,} embedding rows, {self.precision}, "
            f"{self.parallel.told()}{trained}",
            f"data: {data.name}: {len(data):,} instances of {data.length:,} targets an epoch; "
            + ", ".join(f"{name} {tokens:,} tokens" for name, tokens in data.sources.items()),
            *data.notes,
            *self.evaluator.notes,
            f"training: {self.end.step:,} steps, {self.end.tokens:,} tokens, {epochs:.2f} epochs",
        ]
        if epochs > 1:
            told.append("note: more than one epoch: OLMo trains a single one, repeats add less")
        if self.at.step >= self.end.step:
            told.append(f"nothing is left to do: {self.at.step:,} steps are done")
        elif self.at.step:
            told.append(f"going on after step {self.at.step:,}, {self.at.tokens:,} tokens")
        return [*told, self.attention]

    def feed(self) -> Feed:
        """Batches from where the data are; to be closed."""
        config, world = self.config, self.world
        return Feed(self.instances, config.batch, config.data.seed, world, self.position)

    def autocast(self) -> AbstractContextManager[object]:
        """Around forward: bf16 where that is the precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.world.device.type, torch.bfloat16)

    def advance(self, step: Step, loss: float) -> None:
        """One step further."""
        tokens = self.at.tokens + step.instances * self.instances.length
        self.at, self.position, self.loss = Progress(self.at.step + 1, tokens), step.after, loss

    def refuse_loss(self, step: Step, loss: float, norm: float) -> NoReturn:
        """Name the documents of a batch whose loss or gradients are no numbers."""
        documents = self.instances.told(step.numbers)
        raise TrainError(
            f"step {self.at.step + 1}: loss {loss}, norm of the gradients {norm}: stopped, nothing"
            f" of this step is saved; {len(documents)} documents in the batch, the first:"
            f" {', '.join(documents[:TOLD_DOCUMENTS])}"
        )

    def out_of_memory(self) -> str:
        """What to lower."""
        advice = [f"batch.micro (now {self.config.batch.micro or MICRO})"]
        if not self.config.recompute:
            advice.append("recompute: true")
        if self.parallel.kind == "ddp":
            advice.append("parallel: fsdp")
        return f"out of memory on {self.world.device}: lower {', or set '.join(advice)}"


def opened(settings: DataSettings) -> Instances:
    """The data; of the processes of a machine one reads all of it to check it."""
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    return open_instances(msgspec.structs.replace(settings, check=settings.check and first))


def ending(
    config: TrainConfig, instances: Instances, at: Progress = BEGIN, position: Position = START
) -> Progress:
    """Where a training ends: the step that reaches what is asked for, with all that is read.

    at, position: where it goes on. What was read before may have been read in other batches.
    """
    batches = Batches(config.batch, len(instances), instances.length)
    epochs = 1.0 if config.epochs is None else config.epochs
    wanted = max(1, round(epochs * len(instances)))
    if config.tokens:
        wanted = -(-config.tokens // instances.length)
    done = position.epoch * len(instances) + position.instances
    steps = batches.steps(wanted, done)
    if config.steps:
        steps = max(0, config.steps - at.step)
    return Progress(at.step + steps, batches.instances(steps, done) * instances.length)


def device_name(world: World) -> str:
    """As its maker calls it."""
    on_gpu = world.device.type == "cuda"
    return torch.cuda.get_device_name(world.device) if on_gpu else "CPU"
