"""Sums of the loss: against a slow sum, and not depending on how a batch is cut."""

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.train.loss import IGNORED, loss_sums  # noqa: E402


def made(rows: int = 6) -> tuple["torch.Tensor", "torch.Tensor"]:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(rows, 5, 11, generator=generator)
    labels = torch.randint(0, 11, (rows, 5), generator=generator)
    labels[0, 2:] = IGNORED
    labels[3] = IGNORED
    return logits, labels


def test_sums_against_a_slow_reference() -> None:
    logits, labels = made()
    cross_entropy = z = 0.0
    for row, targets in zip(logits.tolist(), labels.tolist(), strict=True):
        for scores, target in zip(row, targets, strict=True):
            if target != IGNORED:
                log_sum = math.log(sum(math.exp(score) for score in scores))
                cross_entropy += log_sum - scores[target]
                z += log_sum**2
    found = loss_sums(logits, labels, with_z=True)
    assert found.cross_entropy.item() == pytest.approx(cross_entropy, rel=1e-5)
    assert found.z.item() == pytest.approx(z, rel=1e-5)
    assert loss_sums(logits, labels, with_z=False).z.item() == 0


def test_parts_add_up_to_the_whole() -> None:
    logits, labels = made()
    whole = loss_sums(logits, labels, with_z=True)
    parts = [loss_sums(logits[i : i + 2], labels[i : i + 2], with_z=True) for i in (0, 2, 4)]
    for i in range(2):
        assert sum(part[i].item() for part in parts) == pytest.approx(whole[i].item(), rel=1e-6)


def test_half_precision_is_summed_in_fp32() -> None:
    logits, labels = made()
    found = loss_sums(logits.bfloat16(), labels, with_z=True)
    assert found.cross_entropy.dtype == found.z.dtype == torch.float32
    assert found == loss_sums(logits.bfloat16().float(), labels, with_z=True)
