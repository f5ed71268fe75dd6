"""Which parameters decay, learning rates of all groups, and steps that are left out."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError  # noqa: E402
from dolma_pipe.train.config import OptimizerSettings  # noqa: E402
from dolma_pipe.train.optimizer import Optimizers, Skipper  # noqa: E402


def named(*names: str) -> list[tuple[str, Any]]:
    return [(name, torch.nn.Parameter(torch.ones(4, 4))) for name in names]


def is_matrix(name: str) -> bool:
    return name.startswith("matrix")


def test_adamw_is_torchs_with_decay_of_matrices_only() -> None:
    parameters = named("matrix", "norm", "frozen")
    parameters[2][1].requires_grad_(False)
    settings = OptimizerSettings(lr=0.1, weight_decay=0.5, eps=1e-5)
    ours = Optimizers(parameters, is_matrix, settings)
    theirs = [torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2)]
    groups = [{"params": [p], "weight_decay": w} for p, w in zip(theirs, (0.5, 0.0), strict=True)]
    adamw = torch.optim.AdamW(groups, lr=0.05, betas=(0.9, 0.95), eps=1e-5)
    ours.set_factor(0.5)
    assert ours.lr == 0.05
    for _ in range(3):
        for p in (*theirs, parameters[0][1], parameters[1][1]):
            p.grad = torch.full((4, 4), 0.3)
        ours.step()
        adamw.step()
    for (_, mine), other in zip(parameters, theirs, strict=False):
        assert torch.allclose(mine, other, rtol=1e-6)
    assert torch.equal(parameters[2][1], torch.ones(4, 4))
    ours.zero_grad()
    assert all(p.grad is None for _, p in parameters)


def test_muon_takes_the_matrices_and_adamw_the_rest() -> None:
    settings = OptimizerSettings(name="muon", lr=1e-3, muon_lr=2e-2)
    given = named("matrix", "norm", "matrix.lm_head.weight")
    ours = Optimizers(given, is_matrix, settings)
    assert [type(one).__name__ for one in ours.each] == ["Muon", "AdamW"]
    ours.set_factor(0.5)
    assert [one.param_groups[0]["lr"] for one in ours.each] == [1e-2, 5e-4]
    muon, adamw = ([group["params"] for group in one.param_groups] for one in ours.each)
    assert muon == [[given[0][1]]]
    assert adamw == [[given[2][1]], [given[1][1]]]  # the output's with decay


def test_a_torch_without_muon_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(TrainError, match="has no Muon: take adamw"):
        Optimizers(named("matrix"), is_matrix, OptimizerSettings(name="muon"))


def test_outliers_are_left_out_once_half_of_the_window_is_there() -> None:
    skipper = Skipper(6.0, 8)
    found = [skipper.is_outlier(loss, 1.0) for loss in (3.0, 3.2, 90.0, 3.1, 95.0)]
    assert found == [False] * 5  # 95 is within 6 deviations of a window with 90 in it
    quiet = Skipper(6.0, 8)
    told = [quiet.is_outlier(3 + i % 2 / 10, 1.0 + i % 2 / 10) for i in range(8)]
    assert told == [False] * 8
    assert quiet.is_outlier(3.6, 1.0)
    assert quiet.is_outlier(3.05, 9.0)
    assert not quiet.is_outlier(3.05, 1.05)


def test_a_new_level_is_accepted_in_the_end() -> None:
    skipper = Skipper(2.0, 4)
    found = [skipper.is_outlier(loss, 1.0) for loss in (1.0, 1.1, 1.0, 1.1, 5.0, 5.1, 5.0, 5.1, 5)]
    assert found[4]
    assert not any(found[6:])


def test_the_window_goes_on_after_a_restart() -> None:
    one, other = Skipper(6.0, 4), Skipper(6.0, 4)
    for i in range(6):
        one.is_outlier(1 + i / 100, 1.0)
    other.load(one.state())
    assert one.state() == other.state()
    assert len(one.state()) == 4
    assert one.is_outlier(2.0, 1.0) is other.is_outlier(2.0, 1.0) is True
    assert not Skipper(None, 4).is_outlier(1e9, 1e9)
