"""The processes of one training: one alone, or those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist

from dolma_pipe.errors import TrainError


class World(NamedTuple):
    """This process among all. size is 1 where torchrun did not start it."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes and tells."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place; every process must call it."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def same(self, value: int) -> int:
        """The value of the main process."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.int64, device=self.device)
        dist.broadcast(told, 0)
        return int(told)


@contextmanager
def joined(device: str) -> Iterator[World]:
    """Join the processes that torchrun started, by NCCL (RCCL) on GPUs and gloo on CPUs.

    device: auto, cpu or cuda (which ROCm is called, too). Raises TrainError without such a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainError("device: cuda: torch finds no GPU (device: cpu trains without)")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if on_gpu:
        torch.cuda.set_device(local)
    place = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if size == 1:
        yield World(0, 1, place)
        return
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(dist.get_rank(), size, place)
    finally:
        dist.destroy_process_group()
