"""A training that is stopped, politely or not, goes on as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.train.config import TrainConfig  # noqa: E402
from dolma_pipe.train.meta import checkpoint_folders, read_meta  # noqa: E402
from dolma_pipe.train.signals import Stop  # noqa: E402
from dolma_pipe.train.start import start  # noqa: E402
from tests.train.small_runs import small_config, write_language  # noqa: E402

STEPS = 400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_language(tmp_path / "tokens")
    return tmp_path


def begun(root: Path, config: TrainConfig) -> "subprocess.Popen[bytes]":
    """`dolma-pipe train` in a process of its own, when it has saved its first checkpoint."""
    given = msgspec.to_builtins(config)
    file = root / "train.json"  # JSON is YAML
    file.write_text(json.dumps({k: v for k, v in given.items() if v not in (None, {})}))
    command = [sys.executable, "-m", "dolma_pipe", "train", str(file)]
    with (root / "stderr").open("w") as told:
        process = subprocess.Popen(
            command,
            stderr=told,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    while not checkpoint_folders(root / "run"):
        assert process.poll() is None, (root / "stderr").read_text()
        time.sleep(0.05)
    return process


def steps_of(root: Path) -> list[int]:
    lines = (root / "run" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_signal_told_twice_at_once_still_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a scheduler, and by torchrun again; later a second one is somebody who does not wait."""
    now = [5.0]
    monkeypatch.setattr("dolma_pipe.train.signals.time.monotonic", lambda: now[0])
    stop = Stop()
    stop.ask(signal.SIGTERM, None)
    stop.ask(signal.SIGTERM, None)
    assert stop.signal == signal.SIGTERM
    now[0] += 3
    with pytest.raises(KeyboardInterrupt):
        stop.ask(signal.SIGTERM, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first(root: Path, number: signal.Signals) -> None:
    config = small_config(root, steps=STEPS, checkpoints={"every": 20})
    process = begun(root, config)
    process.send_signal(number)
    assert process.wait() == 128 + number
    told = (root / "stderr").read_text()
    assert "saving after this step" in told
    assert "Traceback" not in told
    last = read_meta(checkpoint_folders(root / "run")[-1])
    assert last.step == steps_of(root)[-1] < STEPS
    start(small_config(root, steps=last.step + 1))
    assert steps_of(root) == list(range(1, last.step + 2))


def test_kill_9_leaves_a_checkpoint_that_loads(root: Path) -> None:
    """Rule 8, with saves at every step: most kills fall into one."""
    config = small_config(root, steps=STEPS, checkpoints={"every": 1, "keep_last": 2})
    for _ in range(2):
        process = begun(root, config)
        at = read_meta(checkpoint_folders(root / "run")[-1]).step
        while read_meta(checkpoint_folders(root / "run")[-1]).step < at + 2:
            time.sleep(0.01)
        process.kill()
        process.wait()
    last = read_meta(checkpoint_folders(root / "run")[-1]).step
    start(small_config(root, steps=last + 2, checkpoints={"every": 1, "keep_last": 2}))
    assert steps_of(root) == list(range(1, last + 3))
    assert not list((root / "run").glob(".step*"))
