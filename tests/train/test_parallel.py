"""Two processes train as one does: replicated or sharded, and each goes on where others ended."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from safetensors.torch import load_file  # noqa: E402

from dolma_pipe.train.config import TrainConfig  # noqa: E402
from dolma_pipe.train.meta import read_meta  # noqa: E402
from dolma_pipe.train.start import start  # noqa: E402
from tests.train.small_runs import small_config, write_language  # noqa: E402


def on_two_processes(root: Path, config: TrainConfig) -> "subprocess.CompletedProcess[str]":
    """`dolma-pipe train` by torchrun, gloo between the processes. One training a torchrun: what a
    group has left in its store misleads the next one."""
    given = msgspec.to_builtins(config)
    file = root / "train.json"
    file.write_text(json.dumps({k: v for k, v in given.items() if v not in (None, {})}))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = [*torchrun, "--standalone", "-m", "dolma_pipe", "train", str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_error_of_one_process_is_not_called_a_bug_by_the_others(tmp_path: Path) -> None:
    write_language(tmp_path / "tokens")
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = on_two_processes(tmp_path, small_config(tmp_path, parallel="ddp")).stderr
    assert f"dolma-pipe: {tmp_path / 'run'}: another training writes there" in told
    assert "a bug" not in told


def losses(folder: Path) -> list[float]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["train/CrossEntropyLoss"] for line in found if "optim/learning_rate" in line]


def test_one_process_is_two_replicated_is_two_sharded(tmp_path: Path) -> None:
    """Instances of unequal numbers of targets; a batch that two processes cannot share evenly."""
    write_language(tmp_path / "tokens")
    write_language(tmp_path / "held_out", documents=9, seed=2)

    def config(name: str, **more: object) -> TrainConfig:
        return small_config(
            tmp_path,
            out=str(tmp_path / name),
            data={"view": "padded", "mask_documents": True},
            batch={"instances": 7, "micro": 2},
            checkpoints={"every": 2},
            evaluation={"held_out": str(tmp_path / "held_out"), "every": 4},
            **more,
        )

    start(config("one", steps=4))
    start(config("one-then-two", steps=2, schedule={"total": 4}))
    start(config("muon", steps=2, optimizer={"name": "muon"}))
    for each in (
        config("ddp", steps=4, parallel="ddp"),
        config("fsdp", steps=4, parallel="fsdp"),
        config("one-then-two", steps=4, schedule={"total": 4}, parallel="fsdp"),
        config("muon-fsdp", steps=2, optimizer={"name": "muon"}, parallel="fsdp"),
    ):
        done = on_two_processes(tmp_path, each)
        assert done.returncode == 0, done.stderr[-30000:]
    alone = losses(tmp_path / "one")
    for name in ("ddp", "fsdp", "one-then-two"):
        assert losses(tmp_path / name) == pytest.approx(alone, rel=1e-5), name
        assert read_meta(tmp_path / name / "step4").world == 2
        found = load_file(tmp_path / name / "step4" / "model.safetensors")
        for key, tensor in load_file(tmp_path / "one" / "step4" / "model.safetensors").items():
            assert torch.allclose(found[key], tensor, rtol=1e-4, atol=1e-6), (name, key)
        held_out = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("one", name)]
        one, two = (json.loads(text.splitlines()[-1]) for text in held_out)
        assert two == pytest.approx(one, rel=1e-5)
    assert losses(tmp_path / "muon-fsdp") == pytest.approx(losses(tmp_path / "muon"), rel=1e-4)
    start(config("fsdp", steps=5, schedule={"total": 4}))  # and from two back to one
    start(config("one", steps=5, schedule={"total": 4}))
    assert losses(tmp_path / "fsdp") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
