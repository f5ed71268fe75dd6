"""The processes of one training: one alone, or those that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import NamedTuple, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from dolma_pipe.errors import TrainError
from dolma_pipe.train.model.transformer import Model

PATIENCE = timedelta(hours=6)
"""One process may read terabytes to check them while the others wait."""
LOST = ("closed by peer", "reset by peer", "Broken pipe")
"""What gloo says when a process is gone."""
REPLICATED_PARAMETERS = 1_000_000_000
"""Up to so many every process has all of them, where `parallel: auto`."""


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
    if on_gpu and local >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise TrainError(f"process {local + 1} of this machine has no GPU: torch finds {found}")
    place = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(place)
    if size == 1:
        yield World(0, 1, place)
        return
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), size, place)
    except RuntimeError as error:
        if any(told in str(error) for told in LOST):
            raise TrainError(f"process {dist.get_rank()}: another one ended: see there") from error
        raise
    dist.destroy_process_group()  # after an error it may wait for processes that wait for this one


class Parallel:
    """A model as all processes train it: alone, replicated (DDP) or sharded (FSDP2)."""

    def __init__(self, model: Model, world: World, wanted: str, *, bf16: bool) -> None:
        """wanted: auto, ddp or fsdp. model: on the meta device, its weights come later."""
        self.model, self.world = model, world
        self.kind = _kind(model, world, wanted)
        if self.kind == "fsdp":
            _shard(model, world, bf16=bf16)
        model.to_empty(device=world.device)

    def ready(self, *, compiled: bool) -> None:
        """After the weights are there: what `call` runs.

        Of several processes layer by layer, so that gradients are added up while others are
        computed. DDP's own way to cut graphs refuses flex_attention in older versions of torch.
        """
        if compiled:
            torch._dynamo.config.optimize_ddp = False
            for part in [self.model] if self.kind == "one" else self.model.layers():
                part.compile()
        self.call: nn.Module = self.model
        if self.kind == "ddp":
            self.call = DistributedDataParallel(self.model, gradient_as_bucket_view=True)

    def told(self) -> str:
        """On what, and how it is divided."""
        how = {"one": "", "ddp": ", replicated (DDP)", "fsdp": ", sharded (FSDP2)"}[self.kind]
        processes = f"{self.world.size} processes{how} on" if how else "on"
        return f"{processes} {self.world.device.type}"

    @contextmanager
    def backward(self, *, last: bool) -> Iterator[None]:
        """Around forward and backward of a micro-batch: processes add gradients up in the last."""
        if self.kind == "fsdp":
            cast(FSDPModule, self.model).set_requires_gradient_sync(last)
        waits = self.kind == "ddp" and not last
        with cast(DistributedDataParallel, self.call).no_sync() if waits else nullcontext():
            yield

    def end_of_evaluation(self) -> None:
        """Shard the weights again, which FSDP leaves whole after a forward without a backward."""
        if self.kind == "fsdp":
            cast(FSDPModule, self.model).reshard()

    def whole_weights(self) -> dict[str, torch.Tensor]:
        """All parameters by name on the CPU, in the main process; nothing in the others."""
        found = {}
        for name, parameter in self.model.named_parameters():
            whole = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
            if self.world.is_main:
                found[name] = whole.detach().cpu()
        return found


def _kind(model: Model, world: World, wanted: str) -> str:
    if world.size == 1:
        return "one"
    if wanted != "auto":
        return wanted
    return "fsdp" if model.shape.parameters > REPLICATED_PARAMETERS else "ddp"


def _shard(model: Model, world: World, *, bf16: bool) -> None:
    mesh = init_device_mesh(world.device.type, (world.size,))
    mixed = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if bf16 else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,  # rotations are fp32 for a reason
    )
    for layer in model.layers():
        fully_shard(layer, mesh=mesh, mp_policy=mixed)
    fully_shard(model, mesh=mesh, mp_policy=mixed)
