"""The benchmarks of the trainer work, and their sides compute the same; nothing is measured."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from benchmarks import gpu_training, training  # noqa: E402
from benchmarks.gpu_training import OURS, PLAIN, TRAINER, Bench, Case, cases  # noqa: E402
from tests.train.test_training_node import WITHOUT, python  # noqa: E402

TINY = {"preset": "olmo-1m", "hidden_size": 32, "intermediate_size": 64}
CASE = Case(OURS, "tiny", 64, False, "")
CPU = torch.device("cpu")


def test_a_step_of_our_loop_beside_a_bare_loop(capsys: pytest.CaptureFixture[str]) -> None:
    told = training.measured(steps=1, model=TINY)
    assert "| our loop" in told
    assert "step 1/" in capsys.readouterr().err
    if "Not beside transformers" not in told:
        assert "| our model" in told


def test_every_side_on_a_gpu_trains_the_same() -> None:
    pytest.importorskip("accelerate", reason="transformers' Trainer needs it")
    ran = CliRunner().invoke(gpu_training.main, ["--tiny"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    rows = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"side"')]
    losses = {row["side"]: row["loss"] for row in rows if row["model"] == "tiny"}
    assert losses[PLAIN] == pytest.approx(losses[OURS], abs=2e-4)
    assert losses[TRAINER] == pytest.approx(losses[OURS], rel=0.01)  # 63 of 64 targets
    assert "masked SDPA (documents, sliding window" in ran.stdout
    assert ran.stdout.count("| tiny") == len(rows) == 4


def test_a_training_node_can_run_it(tmp_path: Path) -> None:
    program = "from benchmarks.gpu_training import main\nmain(['--tiny', '--only', 'ours'])"
    assert python(WITHOUT + program, tmp_path).count('{"side"') == 2


def test_out_of_memory_halves_the_micro_batch_and_other_errors_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_bench: Any, _case: Any, micro: int, _meter: Any) -> Any:
        tried.append(micro)
        cause = torch.OutOfMemoryError() if micro > 1 else ValueError("no kernel")
        raise RuntimeError("the loop") from cause

    tried: list[int] = []
    monkeypatch.setitem(gpu_training.SIDES, OURS, fails)
    row = gpu_training.measured(Bench(CPU, tmp_path, 0.0, False), CASE)
    assert tried == [2, 1]
    assert row["refused"] == "RuntimeError: the loop"


def test_rows_that_do_not_fit_into_the_time_are_left_out(tmp_path: Path) -> None:
    bench = Bench(CPU, tmp_path, 0.0, False)
    rows = list(gpu_training.in_time(bench, [CASE, CASE], minutes=0.1))
    assert [row["refused"] for row in rows] == ["no time left: --minutes"] * 2


def test_rows_are_those_that_were_asked_for() -> None:
    given = list(cases(["olmo-300m", "olmo3-like"], [4096]))
    assert {(case.model, case.length) for case in given} == {
        ("olmo-300m", 4096),
        ("olmo3-like", 4096),
    }
    assert len(given) == len(set(given))
    assert {case.side for case in given if case.model == "olmo3-like"} == {OURS, TRAINER}
