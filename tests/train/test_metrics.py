"""What a training tells: no step twice in its file, rates without pauses, MFU as published."""

# ruff: noqa: E402, imports follow importorskip

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import MissingExtra, WorkError
from dolma_pipe.train.config import MetricsSettings
from dolma_pipe.train.metrics.file import GRAD_NORM, LOSS, LR, METRICS, MFU, SPEED, TOKENS
from dolma_pipe.train.metrics.numbers import duration, short
from dolma_pipe.train.metrics.peaks import peak_flops
from dolma_pipe.train.metrics.writer import Metrics
from dolma_pipe.train.parallel import World

BATCH = 1000
"""Tokens a step."""


class Clock:
    """Told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, clock: Clock, *, rank: int = 0, size: int = 1, **given: Any) -> Metrics:
    settings = given.pop("settings", MetricsSettings(every=4))
    step = given.get("step", 0)
    world = World(rank, size, torch.device("cpu"))
    ends = {"total_steps": 20, "total_tokens": 20 * BATCH, "tokens": step * BATCH}
    return Metrics(folder, settings, world, **(ends | given), clock=clock)


def run(metrics: Metrics, clock: Clock, steps: Iterator[int] | range, seconds: float = 2.0) -> None:
    for step in steps:
        clock.now += seconds
        metrics.step(values(step))


def values(step: int, loss: float | None = None) -> dict[str, float]:
    loss = 10.0 / step if loss is None else loss
    return {"step": step, TOKENS: step * BATCH, LOSS: loss, LR: 1e-3, GRAD_NORM: 0.5}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (folder / METRICS).read_bytes().splitlines()]


def test_each_step_is_a_line_that_can_be_read_at_once(tmp_path: Path) -> None:
    clock = Clock()
    metrics = opened(tmp_path, clock)
    run(metrics, clock, range(1, 4))
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]  # before it is closed
    metrics.step(values(4, loss=math.nan))
    assert lines(tmp_path)[-1][LOSS] is None
    metrics.evaluated({"eval/web/bits_per_byte": 1.25})
    assert lines(tmp_path)[-1] == {"step": 4, TOKENS: 4000, "eval/web/bits_per_byte": 1.25}


def test_the_first_step_and_pauses_are_not_in_the_rate(tmp_path: Path) -> None:
    clock = Clock()
    metrics = opened(tmp_path, clock, size=2)
    run(metrics, clock, range(1, 2), seconds=600)  # compiles
    with metrics.pause():
        clock.now += 1000
    run(metrics, clock, range(2, 4))
    first, *rest = lines(tmp_path)
    assert SPEED not in first
    assert [line[SPEED] for line in rest] == [BATCH / 2 / 2] * 2  # a process


def test_a_line_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    metrics = opened(tmp_path, clock, flops_per_token=1e9, peak_flops=2e12)
    run(metrics, clock, range(1, 9))
    clock.now += 500  # one slow step: neither median nor line of another step
    metrics.step(values(9))
    run(metrics, clock, range(10, 13))
    told = capsys.readouterr().err.splitlines()
    assert told == (tmp_path / "log.txt").read_text().splitlines()
    assert [line[:10] for line in told] == [f"step {step:2}/20" for step in (1, 4, 8, 12)]
    mean = 10 * (1 / 5 + 1 / 6 + 1 / 7 + 1 / 8) / 4
    assert told[2] == (
        f"step  8/20  loss {mean:.4f}  lr 1.00e-03  grad norm 0.5  500 tokens/s  MFU 25.0%  ETA 24s"
    )
    assert told[3].endswith("ETA 16s")
    assert lines(tmp_path)[1][MFU] == pytest.approx(0.25)


def test_the_last_step_is_told_and_controls_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    metrics = opened(tmp_path, clock, total_steps=3)
    run(metrics, clock, range(1, 4))
    metrics.evaluated({"eval/a\x1b[31m\n/bits_per_byte": 1.0, "eval/a/Perplexity": 3.0})
    first, last, evaluated = capsys.readouterr().err.splitlines()
    assert first.startswith("step 1/3")
    assert last.startswith("step 3/3")
    assert evaluated == "step 3 evaluated  a?[31m?/bits_per_byte 1.0000"


@pytest.mark.parametrize("torn", [b"", b'{"step": 6, "train/Cross', b"\x00\x00\x00"])
def test_a_resumed_run_has_no_step_twice(tmp_path: Path, torn: bytes) -> None:
    clock = Clock()
    metrics = opened(tmp_path, clock)
    run(metrics, clock, range(1, 6))
    metrics.evaluated({"eval/web/bits_per_byte": 2.0})
    with (tmp_path / METRICS).open("ab") as file:
        file.write(torn)
    again = opened(tmp_path, clock, step=3)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
    run(again, clock, range(4, 7))
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert [line.get("restarted") for line in lines(tmp_path)] == [None] * 3 + [1, None, None]
    opened(tmp_path, clock, step=6)
    assert len(lines(tmp_path)) == 6


def test_a_new_run_begins_with_an_empty_file(tmp_path: Path) -> None:
    clock = Clock()
    opened(tmp_path, clock).evaluated({"eval/web/bits_per_byte": 9.0})
    assert [line["step"] for line in lines(tmp_path)] == [0]
    opened(tmp_path, clock)
    assert lines(tmp_path) == []


def test_a_torn_last_line_goes_and_a_bad_one_before_stays(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_bytes(b'{"step": 1}\nnonsense\n{"step": 2}\n{"step": 3')
    opened(tmp_path, Clock(), step=9)
    assert (tmp_path / METRICS).read_bytes() == b'{"step": 1}\nnonsense\n{"step": 2}\n'


def test_only_the_main_process_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    metrics = opened(tmp_path / "run", clock, rank=1, size=2)
    run(metrics, clock, range(1, 3))
    metrics.evaluated({"eval/web/bits_per_byte": 2.0})
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().err == ""


def test_a_place_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError, match="cannot write"):
        opened(tmp_path / "file", Clock())


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    clock, settings = Clock(), MetricsSettings(tensorboard=True)
    for step in (0, 3):
        metrics = opened(tmp_path, clock, settings=settings, step=step)
        run(metrics, clock, range(step + 1, 6))
        metrics.close()
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in found.Scalars(LOSS)] == [1, 2, 3, 4, 5]


def test_tensorboard_that_is_not_installed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dolma-pipe\[tensorboard\]'"):
        opened(tmp_path, Clock(), settings=MetricsSettings(tensorboard=True))


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100 80GB PCIe", 312e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989.5e12),
        ("NVIDIA GH200 480GB", 989.5e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362.05e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA RTX 6000 Ada Generation", 364.2e12),
        ("AMD Instinct MI250X", 191.5e12),
        ("AMD Instinct MI300X", 1307.4e12),
        ("NVIDIA A10G", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("cpu", None),
        ("", None),
    ],
)
def test_peak_by_name(device: str, peak: float | None) -> None:
    assert peak_flops(device) == peak


def test_numbers_for_people() -> None:
    given = (0, 0.25, 950, 12_500, 999_600, 1_234_567, 3e11, 2.05e12)
    assert [short(n) for n in given] == (
        ["0", "0.25", "950", "12.5k", "1M", "1.23M", "300B", "2.05T"]
    )
    seconds = (-1, 41.6, 425, 11520, 3599.7, 360_000)
    assert [duration(s) for s in seconds] == ["0s", "42s", "7m05s", "3h12m", "1h00m", "4d04h"]
