"""Adapters in two processes: DDP and FSDP2 take the steps of one process alone."""
# ruff: noqa: E402, imports follow importorskip

import os
import socket
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from safetensors.torch import load_file, save_file

from dolma_pipe.train.tuning.lora import adapter_state
from tests.train.tuned import adapted_model

STEPS = 3


def ids() -> Any:
    return torch.randint(0, 100, (4, 12), generator=torch.Generator().manual_seed(3))


def train(model: Any, batch: Any) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for _ in range(STEPS):
        model(batch).float().logsumexp(-1).mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def one_of_two(rank: int, port: int, out: str) -> None:
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    batch = ids()[2 * rank : 2 * rank + 2]
    replicated = DistributedDataParallel(adapted_model())
    sharded = adapted_model()
    mesh = init_device_mesh("cpu", (2,))
    for layer in sharded.layers():
        fully_shard(layer, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    for name, model in (("ddp", replicated), ("fsdp", sharded)):
        train(model, batch)
        state = adapter_state(model)
        if rank == 0:
            save_file(state, Path(out) / f"{name}.safetensors")
    dist.destroy_process_group()


def test_ddp_and_fsdp_train_the_adapters_of_one_process(tmp_path: Path) -> None:
    from torch.multiprocessing import start_processes

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start_processes(one_of_two, (port, str(tmp_path)), nprocs=2, start_method="spawn")
    alone = adapted_model()
    before = adapter_state(alone)
    train(alone, ids())
    expected = adapter_state(alone)
    for name in ("ddp", "fsdp"):
        found = load_file(tmp_path / f"{name}.safetensors")
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            torch.testing.assert_close(found[key], values, rtol=1e-5, atol=1e-7)
            assert not torch.equal(values, before[key])
