"""Checkpoints of a tuning as lossless deltas against the weights that it started with."""

from pathlib import Path

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.packing import Against
from dolma_pipe.train.tuning.adapters import has_adapters

SAVED = "F32"
"""What checkpoints hold; a tensor of another type shares no bits with them."""


def start_of_deltas(start: Path) -> Against:
    """The base of all checkpoints of a training, read and hashed once (1 GB/s).

    Raises TrainError where it has no whole weights of its own, or of another type.
    """
    if has_adapters(start):
        told = "has adapters alone: dolma-pipe checkpoints merge makes it whole"
        raise TrainError(f"checkpoints.delta: {start} {told}")
    against = Against(start)
    if other := {tensor.dtype for _, tensor in against.weights} - {SAVED}:
        told = f"weights are {min(other)}, those of checkpoints fp32: a delta would save nothing"
        raise TrainError(f"checkpoints.delta: {start}: {told}")
    return against
