"""The training loop: read a batch, add up gradients, step, evaluate, save, again."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grad_norm_

from dolma_pipe.errors import TrainError
from dolma_pipe.train.feed import Step
from dolma_pipe.train.metrics.file import (
    GRAD_NORM,
    INSTANCES,
    LOSS,
    LR,
    PERPLEXITY,
    SKIPPED,
    STEP,
    TOKENS,
    Z_LOSS,
)
from dolma_pipe.train.schedule import clip_norm
from dolma_pipe.train.setup import Training
from dolma_pipe.train.signals import stopping


def train(training: Training) -> int:
    """Train from where it is to the end. Returns the signal that ended it before, saved, or 0.

    Raises TrainError for a loss that is no number, and where memory does not suffice.
    """
    config, saved = training.config, training.at.step
    with stopping() as stop, training.feed() as feed:
        while training.at.step < training.end.step:
            step = next(feed)
            targets, asked = _agreed(training, step.targets, stop.signal)
            if asked:
                break
            with _memory_told(training):
                found = one_step(training, step, targets)
            training.metrics.step(found)
            last = training.at.step == training.end.step
            if last or training.at.step % config.evaluation.every == 0:
                training.evaluate()
            if training.at.step % config.checkpoints.every == 0:
                training.save()
                saved = training.at.step
    if saved != training.at.step:
        training.save()
    return stop.signal if training.at.step < training.end.step else 0


def _agreed(training: Training, targets: int, signal: int) -> tuple[int, bool]:
    """Valid targets of the batch over all processes, and whether any of them was asked to stop."""
    if training.world.size == 1:  # a GPU would be waited for
        return targets, signal > 0
    told = torch.tensor([targets, signal], dtype=torch.int64, device=training.world.device)
    targets, signals = training.world.sum(told).tolist()
    return targets, signals > 0


@contextmanager
def _memory_told(training: Training) -> Iterator[None]:
    """Around a step. Raises TrainError where memory does not suffice: what to lower."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise TrainError(training.out_of_memory()) from error


def one_step(training: Training, step: Step, targets: int) -> dict[str, float]:
    """One step of the optimizer on one global batch. Returns metrics, named as OLMo names them.

    targets: valid ones over all processes, by which sums are divided: a loss does not depend on
    micro-batches, processes or padding.
    """
    optimizers, of = training.optimizers, training.config.optimizer
    optimizers.set_factor(training.schedule.factor(training.at))
    sums = _gradients(training, step, targets)
    largest = _norm(training, clip_norm(of, training.at.step))
    cross_entropy, z, norm = torch.cat([sums, largest.view(1).to(sums)]).tolist()
    loss = cross_entropy / max(1, targets)
    if not (math.isfinite(loss) and math.isfinite(norm)):
        training.refuse_loss(step, loss, norm)
    skipped = targets == 0 or training.skipper.is_outlier(loss, norm)
    if not skipped:
        optimizers.step()
    optimizers.zero_grad()
    training.advance(step, loss)
    found = {
        STEP: training.at.step,
        TOKENS: training.at.tokens,
        LOSS: loss,
        PERPLEXITY: math.exp(min(loss, 700.0)),
        GRAD_NORM: norm,
        LR: optimizers.lr,
        SKIPPED: int(skipped),
        INSTANCES: step.instances,
    }
    if training.config.z_loss:
        found[Z_LOSS] = training.config.z_loss * z / max(1, targets)
    return found


def _gradients(training: Training, step: Step, targets: int) -> torch.Tensor:
    """Forward and backward, micro-batch by micro-batch. Returns the sums of cross-entropy and of z
    over all processes, float64[2] on the device, which nothing waits for.

    DDP and FSDP divide gradients by the number of processes, so each loss is multiplied by it.
    """
    world, z_loss = training.world, training.config.z_loss
    total = torch.zeros(2, dtype=torch.float64, device=world.device)
    for number, batch in enumerate(step.micro, 1):
        with training.parallel.backward(last=number == len(step.micro)):
            with training.autocast():
                masks = training.model.masks(batch.ids.shape[1], batch.segments)
                logits = training.parallel.call(batch.ids, masks)
            cross_entropy, z = training.loss_sums(logits, batch.labels, with_z=z_loss > 0)
            ((cross_entropy + z_loss * z) * (world.size / max(1, targets))).backward()  # type: ignore[no-untyped-call]
            total += torch.stack([cross_entropy.detach(), z.detach()])
    return world.sum(total)


def _norm(training: Training, largest: float | None) -> torch.Tensor:
    """The norm of all gradients before they are clipped."""
    parameters = [p for p in training.model.parameters() if p.requires_grad]
    norm = clip_grad_norm_(parameters, math.inf if largest is None else largest)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
