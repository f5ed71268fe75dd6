"""Log-likelihoods of many sequences: batched by length, spread over the processes.

What a sequence scores depends on its own tokens only, so batches are made for speed: longest first
(what does not fit in memory fails at once), padded at the end, where no earlier token sees it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from dolma_pipe.train.data import IGNORED
from dolma_pipe.train.parallel import World

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

BATCH_TOKENS = 8192
WIDTHS = 8
"""Between 1,024 and 2,048 (and so on) batches have one of so many widths: compiled kernels are made
for each anew."""
TARGETS_AT_ONCE = 1024
"""Rows of logits that are fp32 at a time: 1,024 x 50,304 x 4 bytes are 206 MB."""


class Sequences(Protocol):
    """Inputs and labels by number; a label is the token after its input, or IGNORED."""

    @property
    def lengths(self) -> I64:
        """int64[n]: inputs of each."""

    def __getitem__(self, number: int) -> tuple[I64, I64]:
        """int64[length] each."""


def log_likelihoods(
    model: nn.Module,
    sequences: Sequences,
    world: World,
    *,
    batch_tokens: int = BATCH_TOKENS,
    told: str | None = None,
) -> F64:
    """float64[n], nats: the sum of the log-probabilities of each sequence's labels.

    Softmax in fp32 over all rows of the model's head, sums in float64. Every process gets all of
    it and calls the model the same number of times (which FSDP needs). told: names a progress bar
    on a terminal.
    """
    plan = batches(sequences.lengths, batch_tokens)
    found, most = np.zeros(len(sequences.lengths)), int(sequences.lengths.max())
    rounds = range(0, len(plan), world.size)
    with _evaluating(model):
        for start in tqdm(rounds, told, disable=_silent(told, world), leave=False):
            mine = start + world.rank
            batch = plan[min(mine, len(plan) - 1)]
            sums = _batch_sums(model, sequences, batch, most, world.device)
            if mine < len(plan):
                found[batch] = sums
    summed: F64 = world.sum(torch.from_numpy(found).to(world.device)).cpu().numpy()
    return summed


def batches(lengths: I64, batch_tokens: int) -> list[I64]:
    """Numbers of sequences that go together: at most batch_tokens with padding, at least one."""
    order = np.argsort(-lengths, kind="stable")
    found, start = [], 0
    while start < len(order):
        longest = int(lengths[order[start]])
        count = max(1, batch_tokens // width(longest, int(lengths[order[0]])))
        found.append(order[start : start + count])
        start += count
    return found


def width(longest: int, most: int) -> int:
    """Of a batch whose longest sequence this is: an eighth more at most, and never above most."""
    step = max(1, (1 << (longest - 1).bit_length()) // 2 // WIDTHS)
    return min(-(-longest // step) * step, most)


def _batch_sums(
    model: nn.Module, sequences: Sequences, batch: I64, most: int, device: torch.device
) -> F64:
    """float64[batch]. most: the longest of all sequences."""
    rows = [sequences[int(number)] for number in batch]
    shape = len(rows), width(max(len(ids) for ids, _ in rows), most)
    inputs, labels = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    for row, (ids, wanted) in enumerate(rows):
        inputs[row, : len(ids)], labels[row, : len(wanted)] = ids, wanted
    logits = model(torch.from_numpy(inputs).to(device)).flatten(0, 1)
    places = np.flatnonzero(labels != IGNORED)
    at = torch.from_numpy(places).to(device)
    targets = torch.from_numpy(labels.ravel()[places]).to(device)
    losses = [
        cross_entropy(logits[at[part]].float(), targets[part], reduction="none")
        for part in _parts(len(places))
    ]
    nats: F64 = torch.cat(losses).double().cpu().numpy()
    sums: F64 = np.bincount(places // shape[1], nats, len(rows)).astype(np.float64)
    return -sums


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, TARGETS_AT_ONCE):
        yield slice(start, start + TARGETS_AT_ONCE)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Without gradients or dropout; inference_mode is not for FSDP's parameters."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _silent(told: str | None, world: World) -> bool | None:
    """None: tqdm looks whether it is a terminal."""
    return None if told is not None and world.is_main else True
